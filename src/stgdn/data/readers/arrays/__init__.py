"""Read the arrays that 2s-AGCN, ST-GCN and CTR-GCN prepare."""
