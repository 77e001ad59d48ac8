"""Read the arrays that 2s-AGCN, ST-GCN and CTR-GCN prepare."""

from stgdn.data.readers.arrays.agcn_arrays import AGCNArrayReader
from stgdn.data.readers.arrays.ctr_gcn_arrays import CTRGCNArrayReader

__all__ = ["AGCNArrayReader", "CTRGCNArrayReader"]
