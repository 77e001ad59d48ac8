"""The report as one HTML file, drawn by the browser."""
