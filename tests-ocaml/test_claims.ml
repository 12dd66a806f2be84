(* What claims are and how they are used up, docs/contract.md 1.4, 1.5, 1.9, 1.10. *)

open Xenctrl_claims
open Test_support
open Values

let scene () =
  let h = open_host () in
  (h, new_domain h)

let set = Xenctrl.domain_claim_memory

let populate h d node n =
  let given = Xenctrl.domain_populate h d ~order:0 ~extents:n (Exact node) in
  Alcotest.(check int) "populated" n given

let round_trip () =
  let h, d = scene () in
  Check.claims_of h d [||];
  let expected = [| host 5L; node 0 1L; node 2 3L; node 3 4L |] in
  let orders =
    [
      expected;
      [| node 3 4L; node 2 3L; node 0 1L; host 5L |];
      [| node 2 3L; host 5L; node 3 4L; node 0 1L |];
    ]
  in
  List.iter
    (fun order ->
      set h d order;
      Check.claims_of h d expected)
    orders

(* It must not sort, or otherwise touch, what the caller still has. *)
let argument_is_untouched () =
  let h, d = scene () in
  let claims = [| node 3 4L; host 5L; node 0 0L |] in
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
  set h d [| node 2 0L; node 1 7L; host 0L |];
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
  again [| node 3 0L |];
  again [| node 1 0L; host 0L |];
  (* Whatever its limit. *)
  set h d [| node 0 100L |];
  Xenctrl.domain_setmaxmem h d 0L;
  set h d [| host 0L |];
  Check.claims_of h d [||]

let replace () =
  let h, d = scene () in
  set h d [| node 0 10L; node 1 20L; host 30L |];
  set h d [| node 1 5L; node 2 6L |];
  Check.claims_of h d [| node 1 5L; node 2 6L |];
  Alcotest.(check (list int64))
    "claimed on nodes" [ 0L; 5L; 6L; 0L ]
    (List.map (claimed_on h) [ 0; 1; 2; 3 ]);
  (* The pages of the old set are there for the new one. *)
  set h d [| node 0 gib; node 1 gib; node 2 gib; node 3 gib |];
  set h d [| node 0 gib; node 1 gib; node 2 gib; node 3 gib |];
  set h d [| host (Int64.mul 4L gib) |];
  Check.claims_of h d [| host (Int64.mul 4L gib) |]

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
  set h d [| node 0 10L; host 5L |];
  set h e [| node 0 1L; node 3 2L |];
  populate h d 1 3;
  Alcotest.(check (list Check.node_memory))
    "node_memory"
    [
      { node = 0; size = gib; free = gib; claimed = 11L };
      { node = 1; size = gib; free = Int64.sub gib 3L; claimed = 0L };
      { node = 2; size = gib; free = gib; claimed = 0L };
      { node = 3; size = gib; free = gib; claimed = 2L };
    ]
    (Xenctrl.node_memory h);
  Alcotest.check Check.host_memory "host_memory"
    { free_pages = Int64.sub (Int64.mul 4L gib) 3L; outstanding_pages = 15L }
    (Xenctrl.host_memory h);
  Alcotest.(check (list Check.domain_info))
    "domain_list"
    [
      { never_run with domid = d; total_pages = 3L; max_pages = unlimited; claimed_pages = 12L };
      { never_run with domid = e; max_pages = 1000L; claimed_pages = 3L };
    ]
    (Xenctrl.domain_list h)

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
  set h e [| node 0 (Int64.sub gib 512L) |];
  set h d [| node 0 256L |];
  let two_mib () = Xenctrl.domain_populate h d ~order:9 ~extents:2 (Exact 0) in
  Alcotest.(check int) "one of two" 1 (two_mib ());
  Check.claims_of h d [||];
  Alcotest.(check int) "none" 0 (two_mib ());
  Check.pages "node 0" (Int64.sub gib 512L) (claimed_on h 0)

let protected_from_others () =
  let h, d = scene () in
  let e = new_domain h in
  set h d [| node 0 (Int64.sub gib 10L) |];
  let given = Xenctrl.domain_populate h e ~order:0 ~extents:20 (Exact 0) in
  Alcotest.(check int) "what is unclaimed" 10 given;
  Check.claims_of h d [| node 0 (Int64.sub gib 10L) |];
  set h d [| host 0L |];
  populate h e 0 10

let destroyed () =
  let h, d = scene () in
  let fresh = Xenctrl.host_memory h in
  set h d [| node 0 10L; host 10L |];
  populate h d 0 5;
  Xenctrl.domain_destroy h d;
  Alcotest.check Check.host_memory "all is back" fresh (Xenctrl.host_memory h);
  Alcotest.(check (list Check.domain_info)) "no domain" [] (Xenctrl.domain_list h);
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
  let quick name test = Alcotest.test_case name `Quick test in
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
          quick "hosts are separate" hosts_are_separate;
        ] );
      ( "use",
        [
          quick "redeeming" redeeming;
          quick "redeeming by large extents" redeeming_large;
          quick "protected from others" protected_from_others;
          quick "destroying releases" destroyed;
        ] );
    ]
