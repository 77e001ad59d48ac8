"""The report as one page: everything in a single HTML file, drawn by the browser that opens it."""
