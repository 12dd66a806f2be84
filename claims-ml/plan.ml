type node = { node : int; claimable : int64 }

type policy =
  | Single
  | Pack
  | Interleave
  | Prefer of int list
  | Only of int list
  | Evenly of int list

type lack = { wanted : int64; by : int64 }

(* More than 64-bit addresses can have. All sums over a host fit in an OCaml int. *)
let max_pages = 1 lsl 52

(* A node as a plan sees it: an id, and pages in 0..max_pages. *)
type room = { id : int; pages : int }

let clamp pages = Int64.to_int (Int64.max 0L (Int64.min pages (Int64.of_int max_pages)))
let sum rooms = List.fold_left (fun total room -> total + room.pages) 0 rooms

(* Both ways, as firmware may give two answers. *)
let distance distances a b =
  let one a b =
    let known = a >= 0 && b >= 0 && a < Array.length distances && b < Array.length distances.(a) in
    if known then max 0 (min 255 distances.(a).(b)) else 255
  in
  one a b + one b a

(* Sets of nodes: what is smaller is better. *)

type choice = { cost : int; left : int; ids : int list }

let better a b = compare a b < 0

(* Sets compared before the search gives up on a better one. *)
let max_compared = 20_000

(* The nearest of the smallest sets of [rooms] that have [pages] together, which all of them have.
   [anchors] are nodes to be near to. *)
let nearest_fewest ~distances ~anchors rooms pages =
  let largest_first a b = compare (-a.pages, a.id) (-b.pages, b.id) in
  let rooms = Array.of_list (List.sort largest_first rooms) in
  let count = Array.length rooms in
  (* What the [n] largest from [i] on have; as they are sorted, no others have more. *)
  let before = Array.make (count + 1) 0 in
  Array.iteri (fun i room -> before.(i + 1) <- before.(i) + room.pages) rooms;
  let largest i n = before.(min count (i + n)) - before.(i) in
  let size =
    let rec enough n = if largest 0 n >= pages then n else enough (n + 1) in
    enough 1
  in
  let between =
    Array.map (fun a -> Array.map (fun b -> distance distances a.id b.id) rooms) rooms
  in
  let alone =
    Array.map
      (fun room -> List.fold_left (fun d anchor -> d + distance distances anchor room.id) 0 anchors)
      rooms
  in
  let added chosen i = List.fold_left (fun cost j -> cost + between.(i).(j)) alone.(i) chosen in
  let choice chosen ~cost ~have =
    { cost; left = have - pages; ids = List.sort compare (List.map (fun i -> rooms.(i).id) chosen) }
  in
  let best = ref None in
  let consider found =
    match !best with Some best when not (better found best) -> () | _ -> best := Some found
  in
  (* A good one first, so that most others are left early: from each node on, the nearest each time. *)
  let rec grow chosen ~cost ~have missing =
    if missing = 0 then consider (choice chosen ~cost ~have)
    else
      let suits i =
        (not (List.mem i chosen))
        &&
        (* The others that would still come: the largest that are not chosen. *)
        let rec most i' n =
          if n = 0 || i' = count then 0
          else if i' = i || List.mem i' chosen then most (i' + 1) n
          else rooms.(i').pages + most (i' + 1) (n - 1)
        in
        have + rooms.(i).pages + most 0 (missing - 1) >= pages
      in
      let next = List.filter suits (List.init count Fun.id) in
      let cost_of i = (added chosen i, i) in
      match List.sort (fun a b -> compare (cost_of a) (cost_of b)) next with
      | [] -> ()
      | i :: _ ->
          grow (i :: chosen)
            ~cost:(cost + added chosen i)
            ~have:(have + rooms.(i).pages) (missing - 1)
  in
  for i = 0 to count - 1 do
    if rooms.(i).pages + largest 0 (size - 1) >= pages then
      grow [ i ] ~cost:alone.(i) ~have:rooms.(i).pages (size - 1)
  done;
  let compared = ref 0 in
  let worse cost = match !best with Some best -> cost > best.cost | None -> false in
  let rec search from chosen ~cost ~have missing =
    if missing = 0 then (
      incr compared;
      consider (choice chosen ~cost ~have))
    else
      let rec each i =
        if i + missing <= count && have + largest i missing >= pages && !compared < max_compared
        then (
          let cost' = cost + added chosen i in
          if not (worse cost') then
            search (i + 1) (i :: chosen) ~cost:cost' ~have:(have + rooms.(i).pages) (missing - 1)
          else incr compared;
          each (i + 1))
      in
      each from
  in
  search 0 [] ~cost:0 ~have:0 size;
  match !best with
  | Some { ids; _ } -> List.filter (fun room -> List.mem room.id ids) (Array.to_list rooms)
  | None -> assert false (* The [size] largest are such a set. *)

(* Shares: how many pages of which node. *)

(* An extent of 2 MiB, that nobody has to make up of pages of two nodes. *)
let step = 512

let take ~whole rooms shares pages =
  let rec go rooms shares left =
    match (rooms, shares) with
    | room :: rooms, share :: shares ->
        let can = if whole then (room.pages - share) / step * step else room.pages - share in
        let more = min left can in
        (share + more) :: go rooms shares (left - more)
    | _ -> []
  in
  go rooms shares pages

(* Large extents where there are any, then single pages. *)
let fill rooms pages =
  let shares = take ~whole:true rooms (List.map (fun _ -> 0) rooms) pages in
  let left = pages - List.fold_left ( + ) 0 shares in
  List.combine rooms (take ~whole:false rooms shares left)

let least_first (a, share_a) (b, share_b) = compare (share_a, a.id) (share_b, b.id)

(* Whole steps, the same to each that has them. *)
let rec spread shares pages =
  let steps (room, share) = (room.pages - share) / step in
  let open_, full = List.partition (fun share -> steps share > 0) shares in
  if pages < step || open_ = [] then (shares, pages)
  else
    let each = max 1 (pages / step / List.length open_) in
    let give left (room, share) =
      let more = step * min (min each (left / step)) (steps (room, share)) in
      (left - more, (room, share + more))
    in
    let left, given = List.fold_left_map give pages (List.sort least_first open_) in
    spread (given @ full) left

let interleave rooms pages =
  let shares, left = spread (List.map (fun room -> (room, 0)) rooms) pages in
  (* Less than a step, or nobody has a whole one. *)
  let rooms, shares = List.split (List.sort least_first shares) in
  List.combine rooms (take ~whole:false rooms shares left)

(* Plans *)

let claims ~host shares =
  let claim (room, pages) : Types.claim option =
    if pages = 0 then None else Some { pages = Int64.of_int pages; target = Int32.of_int room.id }
  in
  let by_id (a, _) (b, _) = compare a.id b.id in
  let on_nodes = List.filter_map claim (List.sort by_id shares) in
  let host : Types.claim list =
    if host = 0 then [] else [ { pages = Int64.of_int host; target = -1l } ]
  in
  Array.of_list (host @ on_nodes)

let plan ?near ?(host_claim = false) ~nodes ~host_claimable ~distances ~pages policy =
  if Int64.compare pages 1L < 0 || Int64.compare pages (Int64.of_int max_pages) > 0 then
    invalid_arg (Printf.sprintf "Claims.plan: pages is %Ld, not in 1..%d" pages max_pages);
  let wanted = pages in
  let pages = Int64.to_int pages in
  let rooms = List.map (fun { node; claimable } -> { id = node; pages = clamp claimable }) nodes in
  let near = Option.to_list near in
  let pack ?(anchors = []) rooms pages =
    fill (nearest_fewest ~distances ~anchors:(anchors @ near) rooms pages) pages
  in
  let all rooms = List.map (fun room -> (room, room.pages)) rooms in
  let most = List.fold_left (fun most room -> max most room.pages) 0 rooms in
  let largest = List.filter (fun room -> room.pages = most) rooms in
  let named, others =
    match policy with
    | Prefer ids | Only ids | Evenly ids -> List.partition (fun room -> List.mem room.id ids) rooms
    | Single | Pack | Interleave -> ([], rooms)
  in
  (* What the policy finds on nodes, and what it takes of it when that is not enough. *)
  let reach, rather_all =
    match policy with
    | Single -> (most, fun () -> if largest = [] then [] else pack largest most)
    | Only _ | Evenly _ -> (sum named, fun () -> all named)
    | Prefer (_ :: _) when host_claim -> (sum named, fun () -> all named)
    | Pack | Interleave | Prefer _ -> (sum rooms, fun () -> all rooms)
  in
  let lacks = max (pages - clamp host_claimable) (if host_claim then 0 else pages - reach) in
  if lacks > 0 then Error { wanted; by = Int64.of_int lacks }
  else if reach < pages then Ok (claims ~host:(pages - reach) (rather_all ()))
  else
    let shares =
      match policy with
      | Single | Pack -> pack rooms pages
      | Interleave -> interleave rooms pages
      | Evenly _ -> interleave named pages
      | Only _ -> pack named pages
      | Prefer _ when sum named >= pages -> pack named pages
      | Prefer _ ->
          let anchors = List.map (fun room -> room.id) named in
          all named @ pack ~anchors others (pages - sum named)
    in
    Ok (claims ~host:0 shares)
