(* Domains and systhreads in parallel, with collections at any point. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let workers = 4
let calls = Host.rounds 100_000

(* Runs [f] in each of [workers] domains, with one more that compacts all heaps until they are done.
   They are given the number of compactions so far. *)
let in_parallel f =
  let stop = Atomic.make false and compactions = Atomic.make 0 in
  let compactor =
    Domain.spawn (fun () ->
        while not (Atomic.get stop) do
          Gc.compact ();
          Atomic.incr compactions;
          Unix.sleepf 0.005
        done)
  in
  let domains = List.init workers (fun i -> Domain.spawn (fun () -> f compactions i)) in
  let results = List.map Domain.join domains in
  Atomic.set stop true;
  Domain.join compactor;
  results

(* The sets that worker [i] installs on the shared domain: what GET returns is one of them whole. *)
let patterns h =
  let others = List.length (nodes h) - 1 in
  Array.init workers (fun i ->
      let pages = Int64.of_int (i + 1) in
      let other = 1 + (i mod others) in
      [| host pages; node 0 (Int64.mul 10L pages); node other (Int64.mul 100L pages) |])

type result = { domid : Xenctrl.domid; own : int; shared : int; torn : int; wrong : int }

(* On a domain of its own, whose claims it knows at every point; on one whose claims all set; and on
   one that all populate. *)
let worker h shared_claims shared_pages compactions i =
  let domid = new_domain h and own_node = i mod List.length (nodes h) in
  let patterns = patterns h in
  let is_a_pattern claims = Array.exists (( = ) claims) patterns in
  let own = ref 0 and shared = ref 0 and torn = ref 0 and wrong = ref 0 in
  for _ = 1 to calls / 5 do
    Xenctrl.domain_claim_memory h domid [| node own_node 3L; host 2L |];
    own := !own + Building.domain_populate h domid ~order:0 ~extents:1 (Exact own_node);
    if Xenctrl.domain_claim_memory_get h domid <> [| host 2L; node own_node 2L |] then incr wrong;
    Xenctrl.domain_claim_memory h shared_claims patterns.(i);
    if not (is_a_pattern (Xenctrl.domain_claim_memory_get h shared_claims)) then incr torn
  done;
  for _ = 1 to calls / 10 do
    shared := !shared + Building.domain_populate h shared_pages ~order:1 ~extents:1 Any
  done;
  while Atomic.get compactions < 5 do
    if not (is_a_pattern (Xenctrl.domain_claim_memory_get h shared_claims)) then incr torn
  done;
  { domid; own = !own; shared = !shared; torn = !torn; wrong = !wrong }

let counts_add_up () =
  let h = open_host () in
  let free = (Xenctrl.host_memory h).free_pages in
  let shared_claims = new_domain h and shared_pages = new_domain h in
  Xenctrl.domain_claim_memory h shared_claims (patterns h).(0);
  let began = Unix.gettimeofday () in
  let results = in_parallel (worker h shared_claims shared_pages) in
  let time = Unix.gettimeofday () -. began in
  let check_one r =
    Alcotest.(check int) "torn sets" 0 r.torn;
    Alcotest.(check int) "wrong sets" 0 r.wrong;
    Alcotest.(check int) "own pages" (calls / 5) r.own;
    Alcotest.(check int) "shared extents" (calls / 10) r.shared;
    Check.pages "own domain has" (Int64.of_int (calls / 5)) (domain_info h r.domid).total_pages;
    Check.pages "own domain claims" 4L (domain_info h r.domid).claimed_pages
  in
  List.iter check_one results;
  let shared = Int64.of_int (2 * workers * calls / 10) in
  Check.pages "shared domain has" shared (domain_info h shared_pages).total_pages;
  let given = Int64.add shared (Int64.of_int (workers * calls / 5)) in
  let memory = Xenctrl.host_memory h in
  Check.free "free" (Int64.sub free given) memory.free_pages;
  let last = Xenctrl.domain_claim_memory_get h shared_claims in
  let claimed = sum (List.map (fun c -> c.Xenctrl.pages) (Array.to_list last)) in
  Check.pages "outstanding"
    (Int64.add claimed (Int64.of_int (4 * workers)))
    memory.outstanding_pages;
  List.iter (Building.domain_destroy h) (List.map (fun r -> r.domid) results);
  List.iter (Building.domain_destroy h) [ shared_claims; shared_pages ];
  Check.free "all is back" free (Xenctrl.host_memory h).free_pages;
  Check.pages "none claimed" 0L (Xenctrl.host_memory h).outstanding_pages;
  if time > 20. then Alcotest.failf "took %.1f s" time

(* Answers made of many blocks, some by way of roots of the stubs: lists and records, while all
   heaps are collected; hosts come and go, so that their finalisers run in other domains. *)
let answers_survive () =
  let expected = List.init 64 (fun n -> (n, gib)) in
  let f _ _ =
    let wrong = ref 0 in
    for i = 1 to 3_000 do
      let h = open_host ~nodes:64 () in
      let d = new_domain h in
      Xenctrl.domain_claim_memory h d [| node (i mod 64) 5L; host 6L |];
      let nodes = Xenctrl.node_memory h in
      if List.map (fun (m : Xenctrl.node_memory) -> (m.node, m.size)) nodes <> expected then
        incr wrong;
      if sum (List.map (fun (m : Xenctrl.node_memory) -> m.claimed) nodes) <> 5L then incr wrong;
      (match Xenctrl.domain_list h with
      | [ { domid; claimed_pages = 11L; _ } ] when domid = d -> ()
      | _ -> incr wrong);
      match outcome (fun () -> Xenctrl.domain_claim_memory h d [| node 1 (-1L) |]) with
      | Invalid _ -> ()
      | _ -> incr wrong
    done;
    !wrong
  in
  let results = in_parallel f in
  Alcotest.(check (list int)) "wrong answers" (List.init workers (fun _ -> 0)) results

(* The smallest minor heap there is, so that it fills all the time; every argument is fresh, and dead
   as soon as the call has read it. *)
let minor_collections () =
  let control = Gc.get () in
  Fun.protect ~finally:(fun () -> Gc.set control) @@ fun () ->
  Gc.set { control with minor_heap_size = 256 };
  let h = open_host () in
  let wrong = Atomic.make 0 in
  let last = List.length (nodes h) - 1 in
  let rounds = Host.rounds 20_000 in
  let thread i =
    let d = new_domain h and i = i mod last in
    for k = 1 to rounds do
      let pages = Int64.of_int (1 + (k * 7 mod 1000)) in
      Xenctrl.domain_claim_memory h d [| node i pages; host (Int64.succ pages); node last 0L |];
      if k mod 50 = 0 then Gc.minor ();
      let found = Xenctrl.domain_claim_memory_get h d in
      if found <> [| host (Int64.succ pages); node i pages |] then Atomic.incr wrong
    done
  in
  let before = (Gc.quick_stat ()).minor_collections in
  let threads = List.init 3 (fun i -> Thread.create thread i) in
  List.iter Thread.join threads;
  let collections = (Gc.quick_stat ()).minor_collections - before in
  Alcotest.(check int) "wrong answers" 0 (Atomic.get wrong);
  Check.at_least "minor collections" (rounds / 20) collections;
  Alcotest.(check int) "domains" 3 (List.length (domains h))

(* Arguments that are young, while another domain collects without a pause. *)
let fresh_arguments () =
  let h = open_host ~nodes:64 () in
  let d = new_domain h in
  let stop = Atomic.make false in
  let collector =
    Domain.spawn (fun () ->
        while not (Atomic.get stop) do
          Gc.minor ()
        done)
  in
  let wrong = ref 0 in
  let count = List.length (nodes h) in
  for k = 1 to Host.rounds 5_000 do
    let claims = Array.init count (fun n -> node n (Int64.of_int (1 + ((k + n) land 0xff)))) in
    match outcome (fun () -> Xenctrl.domain_claim_memory h d claims) with
    | Returned () -> if Xenctrl.domain_claim_memory_get h d <> claims then incr wrong
    | _ -> incr wrong
  done;
  Atomic.set stop true;
  Domain.join collector;
  Alcotest.(check int) "wrong answers" 0 !wrong

(* The caller's bug, but no reason to crash: each call sees some entries, judges those, and installs
   what it judged. *)
let mutated_during_the_call () =
  let h = open_host () in
  let d = new_domain h in
  let pages = [| 0L; 1L; 2L; 3L; -1L; Int64.max_int; Int64.min_int |] in
  let targets = [| -1l; 0l; 1l; 2l; 3l; 4l; 64l; 0x4000_0000l; Int32.min_int |] in
  let random array = array.(Random.int (Array.length array)) in
  let random_claim () = { Xenctrl.pages = random pages; target = random targets } in
  let count = List.length (nodes h) in
  let array = Array.init count (fun n -> node n 1L) in
  let stop = Atomic.make false in
  let mutator =
    Domain.spawn (fun () ->
        while not (Atomic.get stop) do
          for i = 0 to count - 1 do
            array.(i) <- (if Random.int 3 > 0 then node i 2L else random_claim ())
          done;
          if Random.int 100 = 0 then Gc.minor ()
        done)
  in
  let worked = ref 0 and invalid = ref 0 in
  let odd = ref 0 in
  for _ = 1 to calls do
    (match outcome (fun () -> Xenctrl.domain_claim_memory h d array) with
    | Returned () -> incr worked
    | Invalid _ -> incr invalid
    | Refused _ -> ()
    | Panicked _ -> incr odd);
    let claims = Xenctrl.domain_claim_memory_get h d in
    let possible (c : Xenctrl.claim) =
      c.pages > 0L && c.pages <= 3L && Int32.to_int c.target < count
    in
    if not (Array.for_all possible claims && claims = normal claims) then incr odd
  done;
  Atomic.set stop true;
  Domain.join mutator;
  Alcotest.(check int) "odd outcomes" 0 !odd;
  Check.at_least "worked" (calls / 100) !worked;
  Check.at_least "invalid" (calls / 100) !invalid;
  Check.claims_of h d (Xenctrl.domain_claim_memory_get h d)

let () =
  ignore (Unix.alarm 60);
  let quick = Host.case in
  Alcotest.run "parallel"
    [
      ( "domains",
        [
          quick (Printf.sprintf "%d x %d calls with compactions" workers calls) counts_add_up;
          quick ~need:(Embedded "to have many hosts") "answers survive collections" answers_survive;
          quick "fresh arguments" fresh_arguments;
          quick "an array that is mutated" mutated_during_the_call;
        ] );
      ("systhreads", [ quick "minor collections" minor_collections ]);
    ]
