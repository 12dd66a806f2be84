type domid = int
type claim = { pages : int64; target : int32 }
type target = Host | Node of int
type node_memory = { node : int; size : int64; free : int64; claimed : int64 }
type host_memory = { free_pages : int64; outstanding_pages : int64 }
type placement = Any | Prefer of int | Exact of int
