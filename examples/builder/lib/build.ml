open Xenctrl_claims
open Xenctrl_claims_testing

type how = Without_claims | Claims_and_affinity | Claims_and_exact_nodes
type pace = { think : float * float; seconds_per_page : float; step : int }
type env = { xc : Xenctrl.handle; how : how; pace : pace; seed : int; crossing : unit -> unit }

type outcome =
  | Built of Xenctrl.domid
  | Refused of { reason : string; touched : int64 }
  | Failed of { reason : string; populated : int64 }

type t = {
  vm : Scenario.vm;
  outcome : outcome;
  planned : Xenctrl.claim array;
  retries : int;
  started : float;
  ended : float;
}

let uuid (vm : Scenario.vm) = Digest.string vm.name

let call env f =
  env.crossing ();
  let answer = f env.xc in
  env.crossing ();
  answer

let between random (low, high) = low +. Random.State.float random (high -. low)

(* Populates step by step, and says how many pages are missing in the end. *)
let populate env actor random domid calls =
  let populated = ref 0 in
  let rec go (call_ : Claims.call) =
    let { Claims.order; extents; placement } = call_ in
    let now = min extents (max 1 (env.pace.step lsr order)) in
    let given =
      call env (fun xc -> Building.domain_populate xc domid ~order ~extents:now placement)
    in
    let pages = given lsl order in
    populated := !populated + pages;
    Clock.spend actor (float_of_int pages *. env.pace.seconds_per_page *. between random (0.8, 1.2));
    if given = now then if now = extents then 0 else go { call_ with extents = extents - now }
    else
      match Claims.rest call_ ~given with
      | None -> 0
      | Some rest when rest.order < order -> go rest
      | Some rest -> rest.extents
  in
  let missing =
    List.fold_left (fun missing call -> if missing > 0 then missing else go call) 0 calls
  in
  (missing, Int64.of_int !populated)

(* What is to be populated for a plan, or for what is still claimed of one. *)
let calls env (set : Xenctrl.claim array) =
  match env.how with
  | Claims_and_exact_nodes -> (Claims.populate_plan set).calls
  | Without_claims | Claims_and_affinity ->
      let pages =
        Array.fold_left (fun sum (c : Xenctrl.claim) -> sum + Int64.to_int c.pages) 0 set
      in
      let large : Claims.call = { order = 9; extents = pages / 512; placement = Any } in
      let small = { large with order = 0; extents = pages mod 512 } in
      List.filter (fun (call : Claims.call) -> call.extents > 0) [ large; small ]

let policy (vm : Scenario.vm) : Claims.policy = if vm.nodes = [] then Pack else Prefer vm.nodes

(* Why not, on a line of a table. *)
let reason : Claims.lack Claims.error -> string = function
  | `Unplanned { reason = { by; wanted }; _ } ->
      Format.asprintf "short by %a of %a" Claims.pp_pages by Claims.pp_pages wanted
  | `Outrun { attempts; _ } -> Printf.sprintf "other builders were faster %d times" attempts
  | error -> Format.asprintf "%a" Claims.pp_error error

(* A plan, claimed or not, and how often another builder was faster. *)
let decide env domid (vm : Scenario.vm) =
  let pages = vm.pages in
  match env.how with
  | Claims_and_affinity | Claims_and_exact_nodes ->
      call env (fun xc -> Claims.claim_with_plan ~attempts:64 xc domid ~pages (policy vm))
      |> Result.map (fun ({ claims; retries } : Claims.claimed) -> (claims, retries))
  | Without_claims -> (
      Result.bind (call env (fun xc -> Claims.look xc)) @@ fun host ->
      match Claims.plan host ~pages (policy vm) with
      | Ok plan -> Ok (plan, 0)
      | Error reason -> Error (`Unplanned { Claims.reason; holders = [] }))

let info env domid =
  let is_it (info : Xenctrl.domain_info) = info.domid = domid in
  List.find_opt is_it (call env Xenctrl.domain_list)

let total_pages env domid =
  Option.fold ~none:0L ~some:(fun (i : Xenctrl.domain_info) -> i.total_pages) (info env domid)

let vm env actor ~index (existing : Xenctrl.domain_info option) (vm : Scenario.vm) =
  let started = Clock.now actor in
  let random = Random.State.make [| env.seed; index |] in
  let result ?(planned = [||]) ?(retries = 0) outcome =
    { vm; outcome; planned; retries; started; ended = Clock.now actor }
  in
  let destroy domid = call env (fun xc -> Building.domain_destroy xc domid) in
  let start domid = call env (fun xc -> Building.domain_unpause xc domid) in
  let finish ?planned ?retries domid set =
    match populate env actor random domid (calls env set) with
    | 0, _ ->
        start domid;
        result ?planned ?retries (Built domid)
    | missing, populated ->
        destroy domid;
        let reason = Printf.sprintf "%d pages could not be had" missing in
        result ?planned ?retries (Failed { reason; populated })
  in
  let claim_and_populate domid =
    (* Maximum memory is in KiB. *)
    call env (fun xc -> Building.domain_setmaxmem xc domid (Int64.mul 4L vm.pages));
    match decide env domid vm with
    | Error error ->
        let touched = total_pages env domid in
        destroy domid;
        result (Refused { reason = reason error; touched })
    | Ok (planned, retries) ->
        let { Claims.affinity; _ } = Claims.populate_plan planned in
        call env (fun xc -> Xenctrl.domain_set_node_affinity xc domid affinity);
        Clock.spend actor (between random env.pace.think);
        finish ~planned ~retries domid planned
  in
  let take_over () =
    let create () = claim_and_populate (call env (Building.domain_create ~uuid:(uuid vm))) in
    match existing with
    | None -> create ()
    | Some { domid; dying = false; claimed_pages = 0L; total_pages; paused; _ }
      when total_pages = vm.pages ->
        if paused then start domid;
        result (Built domid)
    | Some { domid; dying = false; claimed_pages = 0L; total_pages = 0L; _ } ->
        claim_and_populate domid
    | Some { domid; dying = false; claimed_pages; total_pages; _ }
      when Int64.add claimed_pages total_pages = vm.pages ->
        let left = call env (fun xc -> Xenctrl.domain_claim_memory_get xc domid) in
        let { Claims.affinity; _ } = Claims.populate_plan left in
        (* Before the first page, it may not have been set yet. *)
        if total_pages = 0L && affinity <> [] then
          call env (fun xc -> Xenctrl.domain_set_node_affinity xc domid affinity);
        finish domid left
    | Some { domid; _ } ->
        (* Made by somebody who does not claim, or claims were recalled. *)
        destroy domid;
        create ()
  in
  try take_over ()
  with (Unix.Unix_error _ | Xenctrl.Panic _) as exn ->
    let reason =
      match exn with
      | Unix.Unix_error (error, call, _) -> Printf.sprintf "%s: %s" call (Unix.error_message error)
      | exn -> Printexc.to_string exn
    in
    let mine (info : Xenctrl.domain_info) = info.uuid = uuid vm in
    let touched =
      match List.find_opt mine (call env Xenctrl.domain_list) with
      | None -> 0L
      | Some { domid; total_pages; _ } ->
          destroy domid;
          total_pages
    in
    if touched = 0L then result (Refused { reason; touched })
    else result (Failed { reason; populated = touched })
