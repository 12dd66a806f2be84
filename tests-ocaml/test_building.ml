(* Hosts and the life of domains, docs/contract.md 1.8, and what Xenctrl says of them. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let sizes h = List.map (fun (m : Xenctrl.node_memory) -> (m.node, m.size)) (Xenctrl.node_memory h)

let hosts () =
  let uniform nodes gibs = List.init nodes (fun n -> (n, Int64.mul gibs gib)) in
  List.iter
    (fun (host, expected) ->
      Alcotest.(check (list (pair int int64))) host expected (sizes (Model.create host)))
    [
      ("uma", uniform 1 64L);
      ("2-socket", uniform 2 128L);
      ("epyc-nps4", uniform 8 32L);
      ("4x16", uniform 4 16L);
      ("1x1", uniform 1 1L);
      ("64x2", uniform 64 2L);
      ("1x1048576", uniform 1 1_048_576L);
    ]

let this_machine () =
  let h = Model.create "this" in
  let nodes = Xenctrl.node_memory h in
  Check.at_least "nodes" 1 (List.length nodes);
  Alcotest.(check bool)
    "some memory" true
    (sum (List.map (fun (m : Xenctrl.node_memory) -> m.size) nodes) > 0L)

let unknown =
  Printf.sprintf
    "'%s' is no host: give 'this', 'uma', '2-socket', 'epyc-nps4', or NODESxGiB such as '4x16'"

let bad_nodes = Printf.sprintf "'%s': a host has 1..64 nodes"
let bad_memory = Printf.sprintf "'%s': a node has 1..1048576 GiB"

let bad_host (host, complaint) =
  let test () = Check.invalid ("Model.create: " ^ complaint host) (fun () -> Model.create host) in
  Host.case (Printf.sprintf "%S" host) test

let bad_hosts =
  [
    ("", unknown);
    ("x", unknown);
    ("4x", unknown);
    ("x4", unknown);
    ("nonsense", unknown);
    ("4x16x2", unknown);
    ("-1x4", unknown);
    ("4x-1", unknown);
    (" 4x16", unknown);
    ("UMA", unknown);
    ("4x16\000", unknown);
    ("+4x16", unknown);
    ("4x99999999999999999999", bad_memory);
    ("0x0", bad_nodes);
    ("0x4", bad_nodes);
    ("65x1", bad_nodes);
    ("1x0", bad_memory);
    ("1x1048577", bad_memory);
  ]

let pausing () =
  let h = open_host () in
  let d = new_domain h in
  let paused () =
    List.find_map
      (fun (info : Xenctrl.domain_info) ->
        if info.domid = d then Some (info.paused, info.cpu_time) else None)
      (Xenctrl.domain_list h)
  in
  let check what expected = Alcotest.(check (option (pair bool int64))) what expected (paused ()) in
  check "a new domain" (Some (true, 0L));
  Building.domain_unpause h d;
  check "once started" (Some (false, 0L));
  let again error domid =
    Check.refused error "domain_unpause" (Printf.sprintf "domid %d" domid) (fun () ->
        Building.domain_unpause h domid)
  in
  again EINVAL d;
  again ESRCH 32_751

let domids () =
  let h = open_host () in
  let ids = List.init 5 (fun _ -> Host.new_domain h) in
  let first = List.hd ids in
  if not Host.on_xen then Alcotest.(check int) "first" 1 first;
  let are what offsets = Alcotest.(check (list int)) what (List.map (( + ) first) offsets) in
  are "ascending" [ 0; 1; 2; 3; 4 ] ids;
  Building.domain_destroy h (first + 2);
  (* An id that was used is not soon another domain's. *)
  are "next" [ 5 ] [ Host.new_domain h ];
  let listed = List.map (fun (d : Xenctrl.domain_info) -> d.domid) (domains h) in
  are "listed" [ 0; 1; 3; 4; 5 ] listed

let max_memory () =
  let h = open_host () in
  let d = Host.new_domain h in
  let max kib =
    Building.domain_setmaxmem h d kib;
    (domain_info h d).max_pages
  in
  Check.pages "at first" 0L (domain_info h d).max_pages;
  List.iter
    (fun (kib, expected) -> Check.pages (Printf.sprintf "%Ld KiB" kib) expected (max kib))
    [ (4L, 1L); (7L, 1L); (8L, 2L); (3L, 0L); (0L, 0L); (1_048_579L, gib) ];
  (* Xen counts a domain's pages in 32 bits; in 32 bits the first of these is 0. *)
  Check.pages "over 32 bits" 0xFFFF_FFFFL (max 0x4_0000_0000L);
  Check.pages "largest" 0xFFFF_FFFFL (max Int64.max_int);
  Check.unchanged h (fun () ->
      (* Rounding towards 0 would make the first three of these 0 pages. *)
      List.iter
        (fun kib ->
          Check.invalid_from "Building.domain_setmaxmem" (fun () ->
              Building.domain_setmaxmem h d kib))
        [ -1L; -2L; -3L; -4L; -5L; Int64.min_int ])

let stops_at_the_maximum () =
  let h = open_host () in
  let d = new_domain ~max_pages:1_000L h in
  let free = (Xenctrl.host_memory h).free_pages in
  let given = Building.domain_populate h d ~order:0 ~extents:2_000 Any in
  Alcotest.(check int) "given" 1_000 given;
  Check.pages "has" 1_000L (domain_info h d).total_pages;
  Check.free "free" (Int64.sub free 1_000L) (Xenctrl.host_memory h).free_pages

(* Which nodes a sequence of single pages comes from. *)
let from h d placements =
  let free () = List.map (fun (m : Xenctrl.node_memory) -> m.free) (Xenctrl.node_memory h) in
  let one placement =
    let before = free () in
    Alcotest.(check int) "one page" 1 (Building.domain_populate h d ~order:0 ~extents:1 placement);
    let less = List.map2 (fun a b -> a <> b) before (free ()) in
    let rec first n = function
      | [] -> assert false
      | yes :: rest -> if yes then n else first (n + 1) rest
    in
    first 0 less
  in
  List.map one placements

let affinity () =
  let h = open_host ~nodes:6 () in
  let check what affinity placements expected =
    let d = new_domain h in
    Option.iter (Xenctrl.domain_set_node_affinity h d) affinity;
    Alcotest.(check (list int)) what expected (from h d placements)
  in
  let any n = List.init n (fun _ -> Building.Any) in
  check "all, cyclically, behind node 0" None (any 8) [ 1; 2; 3; 4; 5; 0; 1; 2 ];
  check "two in turn" (Some [ 4; 1 ]) (any 5) [ 1; 4; 1; 4; 1 ];
  check "with one absent" (Some [ 63; 2 ]) (any 2) [ 2; 2 ];
  check "one twice in the list" (Some [ 3; 3 ]) (any 2) [ 3; 3 ];
  check "exact, outside" (Some [ 1 ]) [ Exact 5; Any; Exact 0 ] [ 5; 1; 0 ];
  check "preferred, outside" (Some [ 1; 4 ]) [ Prefer 3; Any; Prefer 1; Any ] [ 3; 4; 1; 4 ]

let full_nodes () =
  let h = open_host ~nodes:6 () in
  let hog = new_domain h in
  let fill n =
    let given = Building.domain_populate h hog ~order:18 ~extents:2 (Exact n) in
    Alcotest.(check int) "a whole node" 1 given
  in
  let d = new_domain h in
  Xenctrl.domain_set_node_affinity h d [ 1; 4 ];
  fill 4;
  Alcotest.(check (list int)) "near" [ 1; 1 ] (from h d [ Any; Prefer 4 ]);
  (* Nothing left on the affinity's nodes: the others, ascending. *)
  ignore (Building.domain_populate h hog ~order:0 ~extents:(Int64.to_int gib) (Exact 1));
  Alcotest.(check (list int)) "far" [ 0; 5; 0 ] (from h d [ Any; Prefer 5; Prefer 4 ]);
  Alcotest.(check int)
    "exact, or none" 0
    (Building.domain_populate h d ~order:0 ~extents:1 (Exact 4))

let orders () =
  let h = open_host () in
  let d = new_domain h in
  let populate ?(order = 0) ?(extents = 1) placement =
    Building.domain_populate h d ~order ~extents placement
  in
  Alcotest.(check int) "no extents" 0 (populate ~extents:0 Any);
  Check.unchanged h (fun () ->
      let bad complaint f = Check.invalid ("Building.domain_populate: " ^ complaint) f in
      bad "order -1 is not in 0..18" (fun () -> populate ~order:(-1) Any);
      bad "order 19 is not in 0..18" (fun () -> populate ~order:19 Any);
      (* In 32 bits, 0; as a shift, 1. *)
      bad "order 4294967296 is not in 0..18" (fun () -> populate ~order:(1 lsl 32) Any);
      bad "order 64 is not in 0..18" (fun () -> populate ~order:64 Any);
      bad "number of extents -1 is not in 0..9223372036854775807" (fun () ->
          populate ~extents:(-1) Any);
      bad "node -1 is not in 0..63" (fun () -> populate (Exact (-1)));
      bad "node 64 is not in 0..63" (fun () -> populate (Prefer 64));
      bad "node 256 is not in 0..63" (fun () -> populate (Exact 256));
      let lacking = List.length (nodes h) in
      Alcotest.(check int) "a node the host lacks" 0 (populate (Exact lacking));
      Check.invalid "Xenctrl.domain_set_node_affinity: node 64 is not in 0..63" (fun () ->
          Xenctrl.domain_set_node_affinity h d [ 0; 64 ]);
      Check.invalid "Xenctrl.domain_set_node_affinity: node -1 is not in 0..63" (fun () ->
          Xenctrl.domain_set_node_affinity h d [ -1 ]));
  Alcotest.(check int) "2 MiB extents" 4 (populate ~order:9 ~extents:4 Any);
  Alcotest.(check int) "pages" 3 (populate ~extents:3 (Exact 0));
  Check.pages "has" 2_051L (domain_info h d).total_pages

(* More than there is: as many as there are. *)
let everything () =
  let h = open_host () in
  let d = new_domain h in
  let populate ~order ~extents = Building.domain_populate h d ~order ~extents Any in
  Alcotest.(check int) "a page" 1 (populate ~order:0 ~extents:1);
  Alcotest.(check int) "1 GiB extents" 3 (populate ~order:18 ~extents:max_int);
  Alcotest.(check int) "2 MiB extents" 511 (populate ~order:9 ~extents:max_int);
  Alcotest.(check int) "pages" 511 (populate ~order:0 ~extents:max_int);
  Check.pages "all" 0L (Xenctrl.host_memory h).free_pages

(* A VM is found again by the uuid its domain was created with. *)
let uuids () =
  let h = open_host () in
  let uuid = Digest.string "vm" in
  let d = Building.domain_create ~uuid h in
  let e = Building.domain_create h in
  Alcotest.(check (list (pair int string)))
    "uuids"
    [ (d, uuid); (e, String.make 16 '\000') ]
    (List.map (fun (i : Xenctrl.domain_info) -> (i.domid, i.uuid)) (Xenctrl.domain_list h));
  Check.invalid "Building.domain_create: a uuid of 3 bytes; it has 16" (fun () ->
      Building.domain_create ~uuid:"abc" h)

let where_memory_is () =
  let h = open_host () in
  let d = new_domain h and e = new_domain h in
  ignore (new_domain h : Xenctrl.domid);
  let give domid n pages =
    ignore (Building.domain_populate h domid ~order:0 ~extents:pages (Exact n))
  in
  give d 3 5;
  give d 0 2;
  give d 3 1;
  give e 1 7;
  let found =
    List.map
      (fun (m : Building.Domain_memory.t) -> (m.domid, m.node, m.pages))
      (Building.domain_memory h)
  in
  Alcotest.(check (list (triple int int int64)))
    "memory"
    [ (d, 0, 2L); (d, 3, 6L); (e, 1, 7L) ]
    found

let distances () =
  let rows host = Xenctrl.node_distances (Model.create host) in
  Alcotest.(check (array (array int))) "uma" [| [| 10 |] |] (rows "uma");
  Alcotest.(check (array (array int))) "2-socket" [| [| 10; 21 |]; [| 21; 10 |] |] (rows "2-socket");
  Alcotest.(check (array int))
    "epyc-nps4"
    [| 32; 32; 32; 32; 12; 10; 12; 12 |]
    (rows "epyc-nps4").(5);
  let this = rows "this" in
  let square row = Alcotest.(check int) "square" (Array.length this) (Array.length row) in
  Array.iter square this

let () =
  let quick = Host.case in
  Alcotest.run "building"
    [
      ( "hosts",
        [ quick "by name" hosts; quick "this machine" this_machine; quick "distances" distances ] );
      ("no hosts", List.map bad_host bad_hosts);
      ( "domains",
        [
          quick "ids" domids;
          quick "starting" pausing;
          quick ~need:(Embedded "without other domains") "uuids" uuids;
          quick ~need:(Embedded "without other domains") "where their memory is" where_memory_is;
          quick "maximum memory" max_memory;
          quick "populating stops at the maximum" stops_at_the_maximum;
          quick ~need:(Nodes 6) "affinity" affinity;
          quick ~need:(Nodes 6) "full nodes" full_nodes;
          quick "orders, extents, nodes" orders;
          quick ~need:(Embedded "whose size is known") "all there is" everything;
        ] );
    ]
