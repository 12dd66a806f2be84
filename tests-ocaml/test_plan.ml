(* Plans over hosts of every kind, against what can be found out by trying all sets of nodes. *)

open Xenctrl_claims
module Gen = QCheck2.Gen

(* Hosts: ids with gaps, nodes without memory, uneven sizes, distances of all kinds. *)

let cap =
  Gen.oneof
    [
      Gen.return 0;
      Gen.int_range 1 20;
      Gen.map (( * ) 512) (Gen.int_range 1 8);
      Gen.int_range 1 5000;
    ]

let distances ids =
  let size = 1 + List.fold_left max 0 ids in
  let matrix distance =
    Gen.array_size (Gen.return size) (Gen.array_size (Gen.return size) distance)
  in
  Gen.oneof
    [
      Gen.return [||];
      Gen.return (Array.init size (fun a -> Array.init size (fun b -> if a = b then 10 else 21)));
      matrix (Gen.oneofl [ 10; 12; 21; 32; 255 ]);
      matrix (Gen.oneofl [ -1; 0; 10; 255; max_int ]);
    ]

let host ~max_nodes =
  let open Gen in
  let* ids = map (List.sort_uniq compare) (list_size (0 -- max_nodes) (0 -- 63)) in
  let* caps = flatten_l (List.map (fun _ -> cap) ids) in
  let sum = List.fold_left ( + ) 0 caps in
  let* distances = distances ids in
  (* Others may have host claims. *)
  let* host_claimable = oneof [ return sum; int_range 0 sum ] in
  let node node cap : Claims.node = { node; claimable = Int64.of_int cap } in
  let* nodes = shuffle_l (List.map2 node ids caps) in
  return { Claims.nodes; host_claimable = Int64.of_int host_claimable; distances; short = None }

let policy =
  let open Gen in
  oneof
    [
      oneofl Claims.[ Single; Pack; Interleave ];
      map (fun nodes -> Claims.Prefer nodes) (list_size (0 -- 5) (0 -- 63));
      map (fun nodes -> Claims.Only nodes) (list_size (0 -- 5) (0 -- 63));
      map (fun nodes -> Claims.Evenly nodes) (list_size (0 -- 5) (0 -- 63));
    ]

type case = {
  host : Claims.host;
  pages : int;
  policy : Claims.policy;
  near : int option;
  host_claim : bool;
}

let case ?(max_nodes = 64) ?(policy = policy) () =
  let open Gen in
  let* host = host ~max_nodes in
  let all = List.fold_left (fun n (m : Claims.node) -> n + Int64.to_int m.claimable) 0 host.nodes in
  (* On both sides of what there is. *)
  let* pages = oneof [ int_range 1 (all + 10); int_range (max 1 (all - 600)) (all + 600) ] in
  let* policy = policy and* near = opt (0 -- 63) and* host_claim = bool in
  (* Of the nodes that are named, the host has most. *)
  let known id =
    let count = List.length host.nodes in
    if id < 48 && count > 0 then (List.nth host.nodes (id mod count)).node else id
  in
  let policy : Claims.policy =
    match policy with
    | Prefer ids -> Prefer (List.map known ids)
    | Only ids -> Only (List.map known ids)
    | Evenly ids -> Evenly (List.map known ids)
    | (Single | Pack | Interleave) as policy -> policy
  in
  let near = Option.map known near in
  return { host; pages; policy; near; host_claim }

let print { host; pages; policy; near; host_claim } =
  let node (m : Claims.node) = Printf.sprintf "%d:%Ld" m.node m.claimable in
  let ints ids = String.concat "," (List.map string_of_int ids) in
  Printf.sprintf "nodes %s, host %Ld, %d pages, %s%s%s, distances %s"
    (String.concat " " (List.map node host.nodes))
    host.host_claimable pages
    (match policy with
    | Single -> "Single"
    | Pack -> "Pack"
    | Interleave -> "Interleave"
    | Prefer ids -> "Prefer " ^ ints ids
    | Only ids -> "Only " ^ ints ids
    | Evenly ids -> "Evenly " ^ ints ids)
    (Option.fold ~none:"" ~some:(Printf.sprintf " near %d") near)
    (if host_claim then " with a host claim" else "")
    (String.concat " | "
       (List.map (fun row -> ints (Array.to_list row)) (Array.to_list host.distances)))

let plan { host; pages; policy; near; host_claim } =
  Claims.plan ?near ~host_claim host ~pages:(Int64.of_int pages) policy

(* What a plan is, in plain numbers. *)

let rooms case =
  List.map (fun (m : Claims.node) -> (m.node, Int64.to_int m.claimable)) case.host.nodes

let total amounts = List.fold_left (fun n (_, pages) -> n + pages) 0 amounts

let on_nodes set =
  Array.to_list set
  |> List.filter_map (fun (c : Xenctrl.claim) ->
         if c.target = -1l then None else Some (Int32.to_int c.target, Int64.to_int c.pages))

let on_host set =
  Array.fold_left
    (fun n (c : Xenctrl.claim) -> if c.target = -1l then n + Int64.to_int c.pages else n)
    0 set

let preferred case =
  match case.policy with
  | Prefer ids | Only ids | Evenly ids -> List.filter (fun (id, _) -> List.mem id ids) (rooms case)
  | _ -> []

let largest case = List.fold_left (fun most (_, pages) -> max most pages) 0 (rooms case)

let rec subsets = function
  | [] -> [ [] ]
  | x :: xs ->
      let rest = subsets xs in
      List.map (fun set -> x :: set) rest @ rest

let far distances a b =
  match distances.(a).(b) with
  | d when d < 0 -> 0
  | d -> min d 255
  | exception Invalid_argument _ -> 255

let apart distances a b = far distances a b + far distances b a

(* How far a set is from itself and from [anchors]. *)
let spread case anchors set =
  let d = apart case.host.distances in
  let rec pairs = function
    | [] -> 0
    | a :: rest -> List.fold_left (fun n b -> n + d a b) (pairs rest) rest
  in
  let to_anchors a = List.fold_left (fun n b -> n + d b a) 0 anchors in
  pairs set + List.fold_left (fun n a -> n + to_anchors a) 0 set

(* The best of those [sets] of rooms that have [pages]: number, distance, what is left. *)
let best case anchors sets pages =
  let ids set = List.map fst set in
  sets
  |> List.filter (fun set -> total set >= pages)
  |> List.map (fun set -> (List.length set, spread case anchors (ids set), total set - pages))
  |> List.fold_left min (max_int, max_int, max_int)

let quality case anchors rooms pages shares =
  let used = List.filter (fun (id, _) -> List.mem_assoc id shares) rooms in
  (List.length used, spread case anchors (List.map fst used), total used - pages)

let near case = Option.to_list case.near

(* Properties *)

let property ?(count = 1000) ?max_nodes ?policy name holds =
  QCheck_alcotest.to_alcotest
    (QCheck2.Test.make ~count ~name ~print (case ?max_nodes ?policy ()) holds)

let with_plan case f =
  match plan case with Error _ -> true | Ok set -> f (on_nodes set) (on_host set)

let always policy = Gen.return policy

(* A planner that forgets host claims of others, or plans on what a node hasn't. *)
let exact_or_short case =
  let rooms = rooms case in
  let reach =
    match case.policy with
    | Single -> largest case
    | Only _ | Evenly _ -> total (preferred case)
    | Pack | Interleave | Prefer _ -> total rooms
  in
  let host = Int64.to_int case.host.host_claimable in
  let lacks = max (case.pages - host) (if case.host_claim then 0 else case.pages - reach) in
  match plan case with
  | Error { wanted; by } -> Int64.to_int by = lacks && lacks > 0 && Int64.to_int wanted = case.pages
  | Ok set ->
      let shares = on_nodes set in
      let ids = List.map fst shares in
      lacks <= 0
      && total shares + on_host set = case.pages
      && (case.host_claim || on_host set = 0)
      && List.for_all (fun (id, pages) -> 0 < pages && pages <= List.assoc id rooms) shares
      && ids = List.sort_uniq compare ids
      && Array.for_all (fun (c : Xenctrl.claim) -> c.pages > 0L) set
      && (on_host set = 0 || set.(0).target = -1l)

(* One that takes the emptiest node. *)
let single case =
  with_plan case @@ fun shares host ->
  let fits = List.filter (fun (_, pages) -> pages >= case.pages) (rooms case) in
  if fits = [] then host = case.pages - largest case && total shares = largest case
  else
    host = 0
    && quality case (near case) (rooms case) case.pages shares
       = best case (near case) (List.map (fun room -> [ room ]) fits) case.pages

let least_waste case =
  let case = { case with near = None; host = { case.host with distances = [||] } } in
  with_plan case @@ fun shares host ->
  let fits = List.filter (fun (_, pages) -> pages >= case.pages) (rooms case) in
  host > 0
  ||
  match shares with
  | [ (id, _) ] ->
      let waste (_, pages) = pages - case.pages in
      List.for_all (fun room -> waste room >= waste (id, List.assoc id (rooms case))) fits
  | _ -> false

(* One that takes the largest nodes wherever they are, or those that are next in the list. *)
let pack case =
  with_plan case @@ fun shares _ ->
  total shares < case.pages
  || quality case (near case) (rooms case) case.pages shares
     = best case (near case) (subsets (rooms case)) case.pages

(* One that takes more nodes where it can't try all sets. *)
let pack_fewest case =
  with_plan case @@ fun shares _ ->
  let sizes = List.sort (fun a b -> compare b a) (List.map snd (rooms case)) in
  let rec fewest n left = function
    | size :: sizes when left > 0 -> fewest (n + 1) (left - size) sizes
    | _ -> n
  in
  total shares < case.pages || List.length shares = fewest 0 case.pages sizes

(* One that gives each node a share of what it has, or the rest to one. *)
let interleave case =
  with_plan case @@ fun shares _ ->
  let share id = Option.value ~default:0 (List.assoc_opt id shares) in
  let has_more (id, pages) = pages - share id >= 512 in
  List.for_all
    (fun room ->
      (not (has_more room))
      || List.for_all (fun (_, other) -> other <= share (fst room) + 512) shares)
    (rooms case)

(* One that goes elsewhere as soon as the preferred nodes have too little. *)
let prefer case =
  with_plan case @@ fun shares host ->
  let preferred = preferred case in
  let is_preferred (id, _) = List.mem_assoc id preferred in
  let here, elsewhere = List.partition is_preferred shares in
  let asked = case.policy <> Prefer [] in
  total here = min case.pages (total preferred)
  && (not (case.host_claim && asked && total preferred < case.pages && host = 0))
  && (host = 0 || elsewhere = [])

(* One that takes of a node that is not among those, or is another plan than that of a host that has no
   others. *)
let only case =
  let is_named (m : Claims.node) = List.mem_assoc m.node (preferred case) in
  let host = { case.host with nodes = List.filter is_named case.host.nodes } in
  let policy : Claims.policy = match case.policy with Evenly _ -> Interleave | _ -> Pack in
  let found = plan case in
  if case.host_claim then
    match found with
    | Error _ -> true
    | Ok set ->
        List.for_all (fun (id, _) -> List.mem_assoc id (preferred case)) (on_nodes set)
        && (on_host set = 0 || total (on_nodes set) = total (preferred case))
  else found = plan { case with host; policy }

(* And what it goes to then is near. *)
let prefer_near case =
  with_plan case @@ fun shares host ->
  let preferred = preferred case in
  let others = List.filter (fun (id, _) -> not (List.mem_assoc id preferred)) (rooms case) in
  let ids = List.map fst in
  if host > 0 then true
  else if total preferred >= case.pages then
    quality case (near case) preferred case.pages shares
    = best case (near case) (subsets preferred) case.pages
  else
    let missing = case.pages - total preferred in
    let elsewhere = List.filter (fun (id, _) -> List.mem_assoc id others) shares in
    let anchors = ids preferred @ near case in
    quality case anchors others missing elsewhere = best case anchors (subsets others) missing

(* One that takes a node to its last page and leaves parts of 2 MiB on two. *)
let whole_extents case =
  with_plan case @@ fun shares host ->
  let extents shares = List.fold_left (fun n (_, pages) -> n + (pages / 512)) 0 shares in
  let taken = List.filter (fun (id, _) -> List.mem_assoc id shares) (rooms case) in
  host > 0 || extents shares = min (case.pages / 512) (extents taken)

let case_of nodes ?(distances = [||]) pages policy =
  let node (node, pages) : Claims.node = { node; claimable = Int64.of_int pages } in
  let nodes = List.map node nodes in
  let all = List.fold_left (fun n (m : Claims.node) -> Int64.add n m.claimable) 0L nodes in
  let host = { Claims.nodes; host_claimable = all; distances; short = None } in
  { host; pages; policy; near = None; host_claim = false }

let planned case = Result.map on_nodes (plan case)
let plans = Alcotest.(result (list (pair int int)) int64)
let planned case = Result.map_error (fun ({ by; _ } : Claims.lack) -> by) (planned case)

let odd_hosts () =
  let check name expected case = Alcotest.check plans name expected (planned case) in
  check "no nodes" (Error 1L) (case_of [] 1 Pack);
  check "one node, all of it" (Ok [ (0, 7) ]) (case_of [ (0, 7) ] 7 Interleave);
  check "one node, more than it has" (Error 3L) (case_of [ (0, 7) ] 10 Single);
  check "a node without memory" (Ok [ (1, 4) ]) (case_of [ (0, 0); (1, 5) ] 4 (Prefer [ 0 ]));
  check "an offline node is preferred" (Ok [ (8, 4) ]) (case_of [ (8, 5) ] 4 (Prefer [ 3 ]));
  check "more claimed than free" (Error 4L) (case_of [ (0, -5) ] 4 Pack);
  let unreachable = [| [| 10; 255; 40 |]; [| 255; 10; 255 |]; [| 40; 255; 10 |] |] in
  let distances = unreachable in
  check "the reachable ones first"
    (Ok [ (0, 8); (2, 4) ])
    (case_of ~distances [ (0, 8); (1, 8); (2, 8) ] 12 Pack);
  check "then those whose distance nobody knows"
    (Ok [ (0, 8); (1, 4) ])
    (case_of ~distances:[| [| 10; 40 |]; [| 40; 10 |] |] [ (0, 8); (1, 8); (2, 8) ] 12 Pack);
  check "unreachable memory is memory"
    (Ok [ (0, 8); (1, 1); (2, 8) ])
    (case_of ~distances [ (0, 8); (1, 8); (2, 8) ] 17 (Prefer [ 0; 2 ]));
  let many = List.init 64 (fun id -> (id, 1000 + (id mod 7))) in
  check "64 nodes, all there is" (Ok many) (case_of many (total many) Pack);
  let began = Unix.gettimeofday () in
  ignore (plan (case_of many 32_000 Pack));
  let took = Unix.gettimeofday () -. began in
  if took > 5. then Alcotest.failf "half of 64 equal nodes took %.1f s" took

let bad_amounts () =
  List.iter
    (fun pages ->
      match Claims.plan (case_of [ (0, 8) ] 1 Pack).host ~pages Pack with
      | exception Invalid_argument _ -> ()
      | _ -> Alcotest.failf "%Ld pages were planned" pages)
    [ 0L; -1L; Int64.min_int; Int64.max_int; Int64.succ (Int64.shift_left 1L 52) ];
  let most = Int64.shift_left 1L 52 in
  Alcotest.(check bool)
    "the largest" true
    (Claims.plan (case_of [ (0, 8) ] 1 Pack).host ~pages:most Pack
    = Error { wanted = most; by = Int64.sub most 8L })

let () =
  let prefer_gen = Gen.map (fun ids -> Claims.Prefer ids) Gen.(list_size (0 -- 5) (0 -- 63)) in
  let only_gen =
    let open Gen in
    let* ids = list_size (0 -- 30) (0 -- 63) in
    oneofl Claims.[ Only ids; Evenly ids ]
  in
  Alcotest.run "plan"
    [
      ( "properties",
        [
          property "exact, within what is claimable, or short by that much" exact_or_short;
          property ~policy:(always Claims.Single) "Single: nearest, then least left" single;
          property ~policy:(always Claims.Single) "Single: least waste" least_waste;
          property ~max_nodes:9 ~policy:(always Claims.Pack) "Pack: fewest, nearest" pack;
          property ~count:200 ~policy:(always Claims.Pack) "Pack: fewest of many" pack_fewest;
          property ~policy:(always Claims.Interleave) "Interleave: evenly" interleave;
          property ~policy:prefer_gen "Prefer: all that is there" prefer;
          property ~max_nodes:9 ~policy:prefer_gen "Prefer: the rest is near" prefer_near;
          property ~policy:only_gen "Only, Evenly: as if there were no other nodes" only;
          property
            ~policy:Gen.(oneofl Claims.[ Pack; Interleave ])
            "as many extents of 2 MiB as there are" whole_extents;
        ] );
      ( "cases",
        [
          Alcotest.test_case "odd hosts" `Quick odd_hosts;
          Alcotest.test_case "amounts" `Quick bad_amounts;
        ] );
    ]
