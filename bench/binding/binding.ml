(* What a call costs a toolstack, through our stub and through a plain one in C, over a hypervisor
   that answers at once. Prints a JSON object of samples; who runs this makes medians of them.

   usage: binding ROUNDS CALLS *)

open Xenctrl_claims

(* What a handle of ours is in Rust. *)
type raw = Primitives.handle
type stub = raw -> int -> Xenctrl.claim array -> bool

external open_null : unit -> raw = "bench_open_null"
external plain_set : raw -> int -> Xenctrl.claim array -> unit = "plain_set"
external plain_get : raw -> int -> Xenctrl.claim array = "plain_get"
external heap_allocations : unit -> int = "bench_heap_allocations" [@@noalloc]

(* Into Rust and back; reading the array too; and checking it; and letting go of the lock. *)
external boundary : raw -> int -> Xenctrl.claim array -> bool = "bench_boundary"
external decode : raw -> int -> Xenctrl.claim array -> bool = "bench_decode"
external validate : raw -> int -> Xenctrl.claim array -> bool = "bench_validate"
external handle : raw -> int -> Xenctrl.claim array -> bool = "bench_handle"
external unlock : raw -> int -> Xenctrl.claim array -> bool = "bench_unlock"

let step (f : stub) h d claims = assert (f h d claims)

let steps =
  [
    ("boundary", boundary);
    ("decode", decode);
    ("validate", validate);
    ("handle", handle);
    ("lock", unlock);
  ]

let claim i : Xenctrl.claim = { pages = 512L; target = Int32.of_int (i - 1) }

(* The order a planner makes: its nodes in turn, and the host last. *)
let claims count = Array.init count (fun i -> claim ((i + 1) mod count))

type call = { name : string; ours : unit -> unit; plain : unit -> unit }

let calls raw h =
  let set count =
    let claims = claims count in
    {
      name = Printf.sprintf "SET of %d" count;
      ours = (fun () -> Xenctrl.domain_claim_memory h count claims);
      plain = (fun () -> plain_set raw count claims);
    }
  in
  let get count =
    {
      name = Printf.sprintf "GET of %d" count;
      ours = (fun () -> ignore (Sys.opaque_identity (Xenctrl.domain_claim_memory_get h count)));
      plain = (fun () -> ignore (Sys.opaque_identity (plain_get raw count)));
    }
  in
  [ set 1; set 3; set 65; get 1; get 3; get 65 ]

let times n f =
  for _ = 1 to n do
    f ()
  done

let words n f = `Float (Float.round (Timer.sample n f).words)

let mallocs n f =
  let before = heap_allocations () in
  times n f;
  `Float (float (heap_allocations () - before) /. float n)

(* One after the other, so that what disturbs one round disturbs both. *)
let alternate rounds n fs =
  List.iter (fun f -> times (n / 10) f) fs;
  let rows = List.init rounds (fun _ -> List.map (fun f -> `Float (Timer.sample n f).cpu_ns) fs) in
  `List (List.map (fun row -> `List row) rows)

let pair rounds n { name; ours; plain } =
  (* A large set takes longer. *)
  let n = if String.ends_with ~suffix:"65" name then n / 4 else n in
  `Assoc
    [
      ("name", `String name);
      ("ns", alternate rounds n [ ours; plain ]);
      ("words", `List [ words n ours; words n plain ]);
      ("mallocs", `List [ mallocs n ours; mallocs n plain ]);
    ]

let steps_of raw h rounds n count =
  let claims = claims count in
  let steps = List.map (fun (_, f) () -> step f raw count claims) steps in
  let whole () = Xenctrl.domain_claim_memory h count claims in
  let n = if count = 65 then n / 4 else n in
  `Assoc [ ("entries", `Int count); ("ns", alternate rounds n (steps @ [ whole ])) ]

(* Wall time for all calls of all domains, by call of one. *)
let in_domains domains n f =
  let ready = Atomic.make 0 in
  let work () =
    Atomic.incr ready;
    while Atomic.get ready < domains do
      Domain.cpu_relax ()
    done;
    times n f
  in
  let start = Unix.gettimeofday () in
  let others = List.init (domains - 1) (fun _ -> Domain.spawn work) in
  work ();
  List.iter Domain.join others;
  `Float ((Unix.gettimeofday () -. start) *. 1e9 /. float (n * domains))

let parallel rounds n { name; ours; plain } domains =
  let round _ = `List [ in_domains domains n ours; in_domains domains n plain ] in
  `Assoc
    [ ("name", `String name); ("domains", `Int domains); ("ns", `List (List.init rounds round)) ]

let () =
  let rounds = int_of_string Sys.argv.(1) and n = int_of_string Sys.argv.(2) in
  let raw = open_null () in
  let h = Xenctrl.handle (Connect.connection raw) in
  let calls = calls raw h in
  let some = List.filter (fun { name; _ } -> name = "SET of 3" || name = "GET of 3") calls in
  let result =
    `Assoc
      [
        ("calls", `List (List.map (pair rounds n) calls));
        ("steps", `List (List.map (steps_of raw h rounds n) [ 1; 3; 65 ]));
        ( "domains",
          `List (List.concat_map (fun c -> List.map (parallel rounds n c) [ 1; 2; 4 ]) some) );
      ]
  in
  print_endline (Yojson.Basic.to_string result)
