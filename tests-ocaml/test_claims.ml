(* What claims are and how they are used up, docs/contract.md 1.4, 1.5, 1.9, 1.10. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let scene () =
  let h = open_host () in
  (h, new_domain h)

let set = Xenctrl.domain_claim_memory

let populate h d node n =
  let given = Building.domain_populate h d ~order:0 ~extents:n (Exact node) in
  Alcotest.(check int) "populated" n given

let round_trip () =
  let h, d = scene () in
  Check.claims_of h d [||];
  let on_nodes = List.map (fun n -> node n (Int64.of_int (n + 1))) (nodes h) in
  let expected = host 5L :: on_nodes in
  let middle = List.hd on_nodes :: host 5L :: List.rev (List.tl on_nodes) in
  List.iter
    (fun order ->
      set h d (Array.of_list order);
      Check.claims_of h d (Array.of_list expected))
    [ expected; List.rev expected; on_nodes @ [ host 5L ]; middle ]

(* It must not sort, or otherwise touch, what the caller still has. *)
let argument_is_untouched () =
  let h, d = scene () in
  let claims = [| node 1 4L; host 5L; node 0 0L |] in
  let copy = Array.copy claims in
  set h d claims;
  Alcotest.check Check.claims "argument" copy claims

(* A result that shares memory with a later one would change under the caller. *)
let results_are_fresh () =
  let h, d = scene () in
  set h d [| node 0 1L |];
  let first = Xenctrl.domain_claim_memory_get h d in
  set h d [| node 1 2L |];
  let second = Xenctrl.domain_claim_memory_get h d in
  second.(0) <- host 9L;
  Alcotest.check Check.claims "first" [| node 0 1L |] first;
  Check.claims_of h d [| node 1 2L |]

let zeros_vanish () =
  let h, d = scene () in
  set h d [| node 1 7L; node 0 0L; host 0L |];
  Check.claims_of h d [| node 1 7L |]

let release () =
  let h, d = scene () in
  let again claims =
    set h d [| node 0 1L; node 1 2L; host 3L |];
    set h d claims;
    Check.claims_of h d [||];
    Check.pages "outstanding" 0L (Xenctrl.host_memory h).outstanding_pages
  in
  again [| host 0L |];
  again [| node 1 0L |];
  again [| node 1 0L; host 0L |];
  (* Whatever its limit. *)
  set h d [| node 0 100L |];
  Building.domain_setmaxmem h d 0L;
  set h d [| host 0L |];
  Check.claims_of h d [||]

let replace () =
  let h, d = scene () in
  let replace_by claims =
    set h d claims;
    Check.claims_of h d (normal claims);
    let claimed n =
      let of_node (c : Xenctrl.claim) = if c.target = Int32.of_int n then c.pages else 0L in
      sum (List.map of_node (Array.to_list claims))
    in
    Alcotest.(check (list int64))
      "claimed on nodes"
      (List.map claimed (nodes h))
      (List.map (claimed_on h) (nodes h))
  in
  replace_by [| node 0 10L; host 30L |];
  replace_by [| node 0 5L; node 1 6L |];
  replace_by [| node 1 20L |];
  (* The pages of the old set are there for the new one. *)
  let all = Array.of_list (List.map (fun n -> node n (surely (free_on h n))) (nodes h)) in
  replace_by all;
  replace_by all;
  replace_by [| host (surely (Xenctrl.host_memory h).free_pages) |]

let not_reduced_by_populated () =
  let h, d = scene () in
  populate h d 0 100;
  set h d [| node 0 100L |];
  Check.claims_of h d [| node 0 100L |]

let never_run : Xenctrl.domain_info =
  {
    domid = 0;
    total_pages = 0L;
    max_pages = 0L;
    claimed_pages = 0L;
    dying = false;
    paused = true;
    cpu_time = 0L;
    uuid = String.make 16 '\000';
  }

let counts_agree () =
  let h, d = scene () in
  let e = new_domain ~max_pages:1000L h in
  let fresh = Xenctrl.host_memory h in
  let expected (m : Xenctrl.node_memory) =
    match m.node with
    | 0 -> { m with claimed = 11L }
    | 1 -> { m with free = Int64.sub m.free 3L; claimed = 2L }
    | _ -> m
  in
  let expected = List.map expected (Xenctrl.node_memory h) in
  set h d [| node 0 10L; host 5L |];
  set h e [| node 0 1L; node 1 2L |];
  populate h d 1 3;
  Alcotest.(check (list Check.node_memory)) "node_memory" expected (Xenctrl.node_memory h);
  Alcotest.check Check.host_memory "host_memory"
    { free_pages = Int64.sub fresh.free_pages 3L; outstanding_pages = 15L }
    (Xenctrl.host_memory h);
  Alcotest.(check (list Check.domain_info))
    "domain_list"
    [
      { never_run with domid = d; total_pages = 3L; max_pages = unlimited; claimed_pages = 12L };
      { never_run with domid = e; max_pages = 1000L; claimed_pages = 3L };
    ]
    (domains h)

let sizes () =
  let h = open_host () in
  let expected = List.init 4 (fun node -> { Xenctrl.node; size = gib; free = gib; claimed = 0L }) in
  Alcotest.(check (list Check.node_memory)) "node_memory" expected (Xenctrl.node_memory h);
  Check.pages "host" (Int64.mul 4L gib) (Xenctrl.host_memory h).free_pages

(* The node's claim first, then the host's, then other nodes' ascending. *)
let redeeming () =
  let h, d = scene () in
  set h d [| node 0 4L; host 4L |];
  populate h d 0 3;
  Check.claims_of h d [| host 4L; node 0 1L |];
  populate h d 0 4;
  Check.claims_of h d [| host 1L |];
  populate h d 0 2;
  Check.claims_of h d [||];
  set h d [| node 0 4L; node 1 4L |];
  populate h d 1 6;
  Check.claims_of h d [| node 0 2L |];
  Alcotest.(check (list int64)) "claimed on nodes" [ 2L; 0L ] (List.map (claimed_on h) [ 0; 1 ])

let redeeming_ascending () =
  let h, d = scene () in
  set h d [| node 0 4L; node 1 4L; node 3 4L |];
  populate h d 1 6;
  Check.claims_of h d [| node 0 2L; node 3 4L |];
  populate h d 1 3;
  Check.claims_of h d [| node 3 3L |];
  Check.pages "node 3" 3L (claimed_on h 3)

(* An extent partly claimed, partly not, is one extent. *)
let redeeming_large () =
  let h, d = scene () in
  let e = new_domain h in
  let others = Int64.sub (surely (free_on h 0)) 512L in
  set h e [| node 0 others |];
  set h d [| node 0 256L |];
  let two_mib () = Building.domain_populate h d ~order:9 ~extents:2 (Exact 0) in
  Alcotest.(check int) "one of two" 1 (two_mib ());
  Check.claims_of h d [||];
  Alcotest.(check int) "none" 0 (two_mib ());
  Check.pages "node 0" others (claimed_on h 0)

let protected_from_others () =
  let h, d = scene () in
  let e = new_domain h in
  let unclaimed = Int64.add 10L Host.slack in
  let claimed = Int64.sub (free_on h 0) unclaimed in
  set h d [| node 0 claimed |];
  let given = Building.domain_populate h e ~order:0 ~extents:1_000 (Exact 0) in
  Check.free "what is unclaimed" unclaimed (Int64.of_int given);
  Check.claims_of h d [| node 0 claimed |];
  set h d [| host 0L |];
  populate h e 0 1_000

let destroyed () =
  let h, d = scene () in
  let fresh = Xenctrl.host_memory h in
  set h d [| node 0 10L; host 10L |];
  populate h d 0 5;
  Building.domain_destroy h d;
  Alcotest.check Check.host_memory "all is back" fresh (Xenctrl.host_memory h);
  Alcotest.(check (list Check.domain_info)) "no domain" [] (domains h);
  Check.pages "node 0" 0L (claimed_on h 0)

(* Claims belong to the domain, not to who made them: closing a handle takes none away, and two
   models are two hosts. *)
let hosts_are_separate () =
  let h, d = scene () in
  let g = open_host () in
  let e = new_domain g in
  Alcotest.(check int) "same domid" d e;
  set h d [| node 0 1L |];
  set g e [| node 1 2L |];
  Check.claims_of h d [| node 0 1L |];
  Xenctrl.interface_close g;
  Check.claims_of h d [| node 0 1L |]

let () =
  let quick = Host.case in
  Alcotest.run "claims"
    [
      ( "set and get",
        [
          quick "any order" round_trip;
          quick "the argument is untouched" argument_is_untouched;
          quick "results are fresh" results_are_fresh;
          quick "zeros vanish" zeros_vanish;
          quick "release" release;
          quick "replace" replace;
          quick "not reduced by what is populated" not_reduced_by_populated;
          quick "counts agree" counts_agree;
          quick ~need:(Embedded "whose size is known") "sizes" sizes;
          quick ~need:(Embedded "to have two hosts") "hosts are separate" hosts_are_separate;
        ] );
      ( "use",
        [
          quick "redeeming" redeeming;
          quick ~need:(Nodes 4) "redeeming from several nodes" redeeming_ascending;
          quick "redeeming by large extents" redeeming_large;
          quick "protected from others" protected_from_others;
          quick "destroying releases" destroyed;
        ] );
    ]
