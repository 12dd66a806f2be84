(* Bad input, docs/contract.md 1.13: refused with a message that says where, and never sent. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let target value = { Xenctrl.pages = 1L; target = value }

(* A fault waits for the next hypercall about claims. If the invalid call made one, it met it; that
   the call after it does proves that it made none. Xen has no such faults. *)
let not_sent h d call =
  Check.unchanged h (fun () ->
      if not Host.on_xen then Model.inject h Panic;
      call ();
      if not Host.on_xen then Check.panics (fun () -> Xenctrl.domain_claim_memory_get h d))

(* On a domain that claims something, so that a change would show. *)
let with_claims f =
  let h = open_host () in
  let d = new_domain h in
  Xenctrl.domain_claim_memory h d [| node 0 100L; host 7L |];
  f h d

let bad_set (name, claims, complaint) =
  let test () =
    with_claims @@ fun h d ->
    not_sent h d (fun () ->
        Check.invalid ("Xenctrl.domain_claim_memory: " ^ complaint) (fun () ->
            Xenctrl.domain_claim_memory h d claims))
  in
  Host.case name test

let no_target index value =
  Printf.sprintf "claim %d has target %s, which is neither a node (0..63) nor -1 (the host)" index
    value

let negative index value = Printf.sprintf "claim %d is for %s pages, which is negative" index value

let over index value =
  let pages = if value = "1" then "1 page" else value ^ " pages" in
  Printf.sprintf "claim %d for %s brings the sum over 9223372036854775807" index pages

(* All that can be named, and one more. *)
let every_target = Array.init 65 (fun i -> node (i - 1) 1L)

let bad_sets =
  [
    ("target -2", [| target (-2l) |], no_target 0 "-2");
    ("target 64", [| target 64l |], no_target 0 "64");
    ("target of the legacy selector", [| target 0x4000_0000l |], no_target 0 "1073741824");
    ("target of the host selector", [| target 0x8000_0000l |], no_target 0 "-2147483648");
    ("largest target", [| target Int32.max_int |], no_target 0 "2147483647");
    (* Of these, the low 8 bits name a node. *)
    ("target 256", [| target 256l |], no_target 0 "256");
    ("target -256", [| target (-256l) |], no_target 0 "-256");
    ("target 64, third", [| node 0 1L; host 1L; target 64l |], no_target 2 "64");
    ("two bad targets, the first counts", [| target 65l; target 64l |], no_target 0 "65");
    ( "the legacy selector with 0 pages",
      [| { pages = 0L; target = 0x4000_0000l } |],
      no_target 0 "1073741824" );
    ("-1 pages", [| node 0 (-1L) |], negative 0 "-1");
    ("-1 pages of the host", [| host (-1L) |], negative 0 "-1");
    ("fewest pages", [| node 0 1L; node 1 Int64.min_int |], negative 1 "-9223372036854775808");
    (* The sum is positive. *)
    ("-1 pages among many", [| node 0 10L; node 1 (-1L); node 2 10L |], negative 1 "-1");
    ("a node twice", [| node 3 1L; node 0 1L; node 3 2L |], "claim 2 is the second one for node 3");
    (* Merging or dropping entries of 0 pages would lose this. *)
    ("a node twice, 0 pages", [| node 3 0L; node 3 0L |], "claim 1 is the second one for node 3");
    ("node 63 twice", [| node 63 1L; node 63 1L |], "claim 1 is the second one for node 63");
    ("the host twice", [| host 1L; node 0 1L; host 1L |], "claim 2 is the second one for the host");
    ("no claims", [||], "an empty claim set; to release all claims, claim 0 pages of the host");
    ( "66 claims",
      Array.append every_target [| node 0 1L |],
      "66 claims, but a set has at most 65 (every node once, and the host)" );
    (* One that was cut to 65 claims would be valid; a count in 8 bits would be 1. *)
    ( "257 claims",
      Array.make 257 (node 0 1L),
      "257 claims, but a set has at most 65 (every node once, and the host)" );
    ("a sum of 2^63", [| node 0 Int64.max_int; host 1L |], over 1 "1");
    ( "a sum of 2^63 by the third",
      [| node 0 0x4000_0000_0000_0000L; host 0x3FFF_FFFF_FFFF_FFFFL; node 1 1L |],
      over 2 "1" );
    (* In 64 bits this sum is 1. *)
    ( "a sum that wraps to 1",
      [| host Int64.max_int; node 0 Int64.max_int; node 1 3L |],
      over 1 "9223372036854775807" );
    (* Of several that are wrong, the first one; not all targets before all pages. *)
    ("bad pages before a bad target", [| node 0 (-5L); target 64l |], negative 0 "-5");
    ("a bad target before bad pages", [| target 64l; node 0 (-5L) |], no_target 0 "64");
    ( "a duplicate before a bad target",
      [| node 0 1L; node 0 1L; target 64l |],
      "claim 1 is the second one for node 0" );
  ]

(* The other side of each limit: these are valid, *)
let all_targets () =
  let h = open_host ~nodes:64 () in
  let d = new_domain h in
  Xenctrl.domain_claim_memory h d every_target;
  Check.claims_of h d every_target;
  Xenctrl.domain_claim_memory h d [| node 63 0L |];
  Check.claims_of h d [||]

(* and what is wrong with these the hypervisor says. *)
let largest_sums () =
  let h = open_host () in
  let d = new_domain h in
  let sent claims =
    Check.refused ENOMEM "domain_claim_memory" (Printf.sprintf "domid %d" d) (fun () ->
        Xenctrl.domain_claim_memory h d claims)
  in
  sent [| node 0 Int64.max_int |];
  sent [| node 0 (Int64.pred Int64.max_int); host 1L |]

(* As 16 bits the last of these are [d]. *)
let bad_domids d =
  let same_in_16_bits = [ 65_536 + d; d - 65_536; (1 lsl 32) + d; d - (1 lsl 40) ] in
  [ -1; 32_752; 65_535; max_int; min_int ] @ same_in_16_bits

let calls_on_a_domain =
  [
    ("domain_claim_memory", fun h d -> Xenctrl.domain_claim_memory h d [| host 0L |]);
    ("domain_claim_memory_get", fun h d -> ignore (Xenctrl.domain_claim_memory_get h d));
    ("domain_claim_pages", fun h d -> Xenctrl.domain_claim_pages h d 0L);
    ("Building.domain_setmaxmem", fun h d -> Building.domain_setmaxmem h d 0L);
    ("domain_set_node_affinity", fun h d -> Xenctrl.domain_set_node_affinity h d [ 1 ]);
    ( "Building.domain_populate",
      fun h d -> ignore (Building.domain_populate h d ~order:0 ~extents:1 Any) );
    ("Building.domain_destroy", fun h d -> Building.domain_destroy h d);
  ]

let bad_domid (name, call) =
  let test () =
    let h = open_host () in
    let domains = List.init 5 (fun _ -> new_domain h) in
    List.iter (fun d -> Xenctrl.domain_claim_memory h d [| node 0 10L |]) domains;
    let d = List.nth domains 4 in
    List.iter
      (fun domid ->
        not_sent h d (fun () ->
            let complaint =
              Printf.sprintf "%s: domid %d is not in 0..32751" (Check.full name) domid
            in
            Check.invalid complaint (fun () -> call h domid)))
      (bad_domids d);
    (* The affinity shows only here, and where nothing is claimed. *)
    Xenctrl.domain_claim_memory h d [| host 0L |];
    let nodes = nodes h in
    let before = List.map (free_on h) nodes in
    let extents = 500 * List.length nodes in
    let given = Building.domain_populate h d ~order:0 ~extents Any in
    Alcotest.(check int) "populated" extents given;
    List.iter2
      (fun n before -> Check.free "each node had its turn" (Int64.sub before 500L) (free_on h n))
      nodes before;
    (* Valid numbers reach the hypervisor. Nobody has these, but for a Dom0, which is spared. *)
    List.iter
      (fun domid ->
        match outcome (fun () -> call h domid) with
        | Refused _ -> ()
        | _ -> Alcotest.failf "domid %d was not refused" domid)
      (if Host.on_xen then [ 32_751 ] else [ 0; 32_751 ])
  in
  Host.case name test

let legacy_pages () =
  with_claims @@ fun h d ->
  let bad pages complaint =
    not_sent h d (fun () ->
        Check.invalid ("Xenctrl.domain_claim_pages: " ^ complaint) (fun () ->
            Xenctrl.domain_claim_pages h d pages))
  in
  bad (-1L) "pages -1 is not in 0..9223372036854775807";
  bad Int64.min_int "pages -9223372036854775808 is not in 0..9223372036854775807"

let () =
  Alcotest.run "input"
    [
      ("never sent", List.map bad_set bad_sets);
      ( "still valid",
        [
          Host.case ~need:(Nodes 64) "all targets" all_targets;
          Host.case "the largest sums" largest_sums;
        ] );
      ("domid", List.map bad_domid calls_on_a_domain);
      ("legacy", [ Host.case "negative pages" legacy_pages ]);
    ]
