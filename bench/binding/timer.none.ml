type t = { cpu_ns : float; words : float }

let sample _ _ = failwith "built without the benchmark library: use ./dev bench"
