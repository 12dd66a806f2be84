open Claim_sets

module type TOOLSTACK = sig
  type handle

  val cpus : handle -> (int * int list) list
  val set_vcpu_affinity : handle -> Claims.domid -> int list -> unit
  val debug : string -> unit
end

type request = { vcpus : int; memory : int64 }
type placed = On of int list | Anywhere | Unclaimed
type no_memory = { wanted : int64; by : int64; holders : Claims.holder list }

(* The planner *)

let sum = List.fold_left (fun n (m : Claims.node) -> Int64.add n m.claimable) 0L
let cores cpus nodes = List.fold_left (fun n node -> n + List.length (List.assoc node cpus)) 0 nodes

(* Sets of [size] of them. *)
let rec sets size = function
  | _ when size = 0 -> [ [] ]
  | [] -> []
  | node :: rest -> List.map (fun set -> node :: set) (sets (size - 1) rest) @ sets size rest

let spread distances set =
  let distance (a : Claims.node) (b : Claims.node) =
    try distances.(a.node).(b.node) with Invalid_argument _ -> 255
  in
  let from a = List.fold_left (fun n b -> n + distance a b) 0 set in
  List.fold_left (fun n a -> n + from a) 0 set

(* More nodes than that together are no placement. *)
let most_nodes = 4

let candidates ~cpus { vcpus; memory } (host : Claims.host) =
  let useful (m : Claims.node) = m.claimable > 0L && List.mem_assoc m.node cpus in
  let nodes = List.filter useful host.nodes in
  let fits set =
    cores cpus (List.map (fun (m : Claims.node) -> m.node) set) >= vcpus && sum set >= memory
  in
  let rec fewest size =
    if size > min most_nodes (List.length nodes) then []
    else match List.filter fits (sets size nodes) with [] -> fewest (size + 1) | found -> found
  in
  fewest 1

let better distances a b =
  compare (spread distances a, Int64.neg (sum a)) (spread distances b, Int64.neg (sum b))

let plan ~cpus request (host : Claims.host) =
  let take (left, claims) ({ node; claimable } : Claims.node) =
    let pages = min left claimable in
    (Int64.sub left pages, if pages > 0L then Claims.on (Node node) pages :: claims else claims)
  in
  let lacks by : (_, Claims.lack) result = Error { wanted = request.memory; by } in
  match List.sort (better host.distances) (candidates ~cpus request host) with
  | best :: _ ->
      let largest_first (a : Claims.node) (b : Claims.node) = compare b.claimable a.claimable in
      let _, claims = List.fold_left take (request.memory, []) (List.sort largest_first best) in
      let on_nodes = List.fold_left (fun n (c : Claims.claim) -> Int64.add n c.pages) 0L claims in
      if on_nodes <= host.host_claimable then Ok (Array.of_list claims)
      else lacks (Int64.sub on_nodes host.host_claimable)
  | [] when request.memory <= host.host_claimable ->
      (* As many as there are somewhere; no node is better than another. *)
      Ok [| Claims.on Host request.memory |]
  | [] -> lacks (Int64.sub request.memory host.host_claimable)

let nodes_of claims =
  let node claim =
    match Claims.target claim with Node n when claim.pages > 0L -> Some n | Node _ | Host -> None
  in
  List.sort compare (List.filter_map node (Array.to_list claims))

module Make (C : Claims.S) (T : TOOLSTACK with type handle = C.handle) = struct
  let leave = [ (0, 16_384L) ] (* For Xen and Dom0. *)

  let log domid (attempt : Claims.attempt) =
    let error ppf = function
      | Ok () -> Format.fprintf ppf "claimed"
      | Error error ->
          Claims.pp_error ppf (error : Claims.install_error :> Claims.lack Claims.error)
    in
    T.debug (Format.asprintf "domid %d: attempt %d: %a" domid attempt.number error attempt.outcome)

  let set_affinity h domid nodes =
    let cpus = T.cpus h in
    T.set_vcpu_affinity h domid (List.concat_map (fun node -> List.assoc node cpus) nodes)

  let numa_placement h domid request : (placed, no_memory) result =
    match C.claim ~leave ~log:(log domid) h domid (plan ~cpus:(T.cpus h) request) with
    | Ok { claims; _ } -> (
        match nodes_of claims with
        | [] -> Ok Anywhere
        | nodes ->
            set_affinity h domid nodes;
            Ok (On nodes))
    | Error (`Not_supported | `Over_max_memory _) -> Ok Unclaimed
    | Error (`Unplanned { reason = { wanted; by }; holders }) -> Error { wanted; by; holders }
    | Error (`Outrun { holders; _ }) ->
        (* Somebody else is always faster on those nodes: whatever is left. *)
        let all = [| Claims.on Host request.memory |] in
        Result.map_error
          (fun (_ : Claims.install_error) -> { wanted = request.memory; by = 0L; holders })
          (Result.map (fun () -> Anywhere) (C.install h domid all))
    | Error ((`No_such_domain _ | `No_such_node _ | `Not_permitted | `Refused _) as error) ->
        failwith (Format.asprintf "domid %d: %a" domid Claims.pp_error error)

  let after_build h domid =
    match C.release h domid with
    | Ok () | Error (`No_such_domain _ | `Not_supported) -> ()
    | Error ((`Not_permitted | `Refused _) as error) ->
        T.debug (Format.asprintf "domid %d: %a" domid Claims.pp_error error)

  let go_on h domid request ~has =
    let holder (holder : Claims.holder) = holder.domid = domid in
    match C.holders h with
    | Error (_ : Claims.refusal) -> false
    | Ok holders -> (
        match List.find_opt holder holders with
        | None -> false
        | Some { claims; _ } ->
            let claimed =
              Array.fold_left (fun n (c : Claims.claim) -> Int64.add n c.pages) 0L claims
            in
            let whole = Int64.add has claimed = request.memory in
            let nodes = nodes_of claims in
            if whole && nodes <> [] then set_affinity h domid nodes;
            whole)

  let free_for_vms h =
    Result.map (fun (host : Claims.host) -> host.host_claimable) (C.look ~leave h)
end
