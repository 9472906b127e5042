"""Arrays in, arrays out: numpy and numba only. Loops live here and nowhere else.

Kernels take contiguous float64 or int64 arrays of one length n and scalars; they check nothing (the door above them
did) and never write into what they were given. A value at row t depends on rows up to t alone.
"""
