type t = { cpu_ns : float; words : float }

let sample n f =
  let before = Benchmark.make 0L in
  for _ = 1 to n do
    f ()
  done;
  let all = Benchmark.(sub (make (Int64.of_int n)) before) in
  let of_one total = total /. float n in
  (* What the library calls words are bytes. *)
  { cpu_ns = of_one ((all.utime +. all.stime) *. 1e9); words = of_one (all.minor_words /. 8.) }
