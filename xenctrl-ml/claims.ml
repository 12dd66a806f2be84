type where = Node of int | Host
type holder = { domid : Xenctrl.domid; total_pages : int64; claims : Xenctrl.claim array }

type error =
  | Not_enough_memory of { where : where; wanted : int64; claimable : int64 }
  | Short_a_moment_ago
  | Over_max_memory of { wanted : int64; total_pages : int64; max_pages : int64 }
  | No_such_domain of Xenctrl.domid
  | No_such_node of int
  | Not_permitted
  | Not_supported
  | Short of { wanted : int64; by : int64; holders : holder list }
  | Outrun of { attempts : int; holders : holder list }
  | Refused of Unix.error

type node = Plan.node = { node : int; claimable : int64 }
type host = Plan.host = { nodes : node list; host_claimable : int64; distances : int array array }
type policy = Plan.policy = Single | Pack | Interleave | Prefer of int list
type claimed = { claims : Xenctrl.claim array; retries : int }
type call = Populating.call = { order : int; extents : int; placement : Xenctrl.placement }
type populating = Populating.plan = { affinity : int list; calls : call list }

let plan = Plan.plan
let populate_plan = Populating.plan
let rest = Populating.rest

(* Errors *)

let pp_pages ppf pages =
  let per_mib = 256L and per_gib = 262144L in
  let whole unit = Int64.rem pages unit = 0L && pages <> 0L in
  if whole per_gib then Format.fprintf ppf "%Ld GiB" (Int64.div pages per_gib)
  else if whole per_mib then Format.fprintf ppf "%Ld MiB" (Int64.div pages per_mib)
  else
    let plain ppf = Format.fprintf ppf "%Ld page%s" pages (if pages = 1L then "" else "s") in
    if Int64.compare pages per_mib < 0 then plain ppf
    else Format.fprintf ppf "%Ld MiB (%t)" (Int64.div pages per_mib) plain

let sum claims = Array.fold_left (fun n (c : Xenctrl.claim) -> Int64.add n c.pages) 0L claims

(* As many as fit on a line. *)
let holders_shown = 3

let pp_holders ppf holders =
  let pp_holder ppf (holder : holder) =
    Format.fprintf ppf "domain %d has %a" holder.domid pp_pages holder.total_pages;
    let claimed = sum holder.claims in
    if claimed <> 0L then Format.fprintf ppf " and claims %a" pp_pages claimed
  in
  let shown = List.filteri (fun i _ -> i < holders_shown) holders in
  List.iter (fun holder -> Format.fprintf ppf "; %a" pp_holder holder) shown;
  let more = List.length holders - List.length shown in
  if more > 0 then Format.fprintf ppf "; %d more hold memory" more

let pp_error ppf = function
  | Not_enough_memory { where; wanted; claimable } ->
      let pp_where ppf = function
        | Node n -> Format.fprintf ppf "node %d" n
        | Host -> Format.fprintf ppf "the host"
      in
      Format.fprintf ppf "not enough memory: %a wanted, %a claimable on %a" pp_pages wanted pp_pages
        claimable pp_where where
  | Short_a_moment_ago ->
      Format.fprintf ppf "not enough memory a moment ago; there may be enough now"
  | Over_max_memory { wanted; total_pages; max_pages } ->
      Format.fprintf ppf "over its maximum memory: %a wanted, it has %a and may have %a" pp_pages
        wanted pp_pages total_pages pp_pages max_pages
  | No_such_domain domid -> Format.fprintf ppf "there is no domain %d, or it is dying" domid
  | No_such_node node -> Format.fprintf ppf "the host has no node %d online" node
  | Not_permitted -> Format.fprintf ppf "the security policy does not permit it"
  | Not_supported -> Format.fprintf ppf "this hypervisor has no claim sets"
  | Short { wanted; by; holders } ->
      Format.fprintf ppf "not enough memory: short by %a of %a%a" pp_pages by pp_pages wanted
        pp_holders holders
  | Outrun { attempts; holders } ->
      Format.fprintf ppf "other builders were faster %d time%s%a" attempts
        (if attempts = 1 then "" else "s")
        pp_holders holders
  | Refused error -> Format.fprintf ppf "refused: %s" (Unix.error_message error)

let refused domid : Unix.error -> error = function
  | EPERM | EACCES -> Not_permitted
  | ENOSYS | EOPNOTSUPP -> Not_supported
  | ESRCH when domid <> None -> No_such_domain (Option.get domid)
  | error -> Refused error

let result ?domid f =
  try Ok (f ()) with Unix.Unix_error (error, _, _) -> Error (refused domid error)

let ( let* ) = Result.bind

(* Reading *)

let holders h =
  let holder (info : Xenctrl.domain_info) =
    let claims =
      if info.claimed_pages = 0L then Ok [||]
      else
        let domid = info.domid in
        result ~domid (fun () -> Xenctrl.domain_claim_memory_get h domid)
    in
    match claims with
    | Ok claims ->
        let holder : holder = { domid = info.domid; total_pages = info.total_pages; claims } in
        Some holder
    | Error _ -> None
  in
  let held (holder : holder) = Int64.add holder.total_pages (sum holder.claims) in
  let* domains = result (fun () -> Xenctrl.domain_list h) in
  List.filter_map holder domains
  |> List.filter (fun holder -> held holder > 0L)
  |> List.stable_sort (fun a b -> Int64.compare (held b) (held a))
  |> Result.ok

let look ?domid ?(leave = []) h =
  let* own =
    match domid with
    | None -> Ok [||]
    | Some domid -> result ~domid (fun () -> Xenctrl.domain_claim_memory_get h domid)
  in
  result @@ fun () ->
  let own_on node =
    let on_node = List.filter (fun (c : Xenctrl.claim) -> Int32.to_int c.target = node) in
    sum (Array.of_list (on_node (Array.to_list own)))
  in
  (* Of a moment when memory was offlined, more may be claimed than free. *)
  let claimable free claimed own = Int64.max 0L (Int64.add (Int64.sub free claimed) own) in
  let shall_stay node = Int64.max 0L (Option.value ~default:0L (List.assoc_opt node leave)) in
  let node ({ node; free; claimed; _ } : Xenctrl.node_memory) =
    let pages = claimable free claimed (own_on node) in
    let left = Int64.min pages (shall_stay node) in
    ({ node; claimable = Int64.sub pages left }, left)
  in
  let nodes, left = List.split (List.map node (Xenctrl.node_memory h)) in
  let { free_pages; outstanding_pages } : Xenctrl.host_memory = Xenctrl.host_memory h in
  let left = List.fold_left Int64.add 0L left in
  let of_host = claimable free_pages outstanding_pages (sum own) in
  let host_claimable = Int64.max 0L (Int64.sub of_host left) in
  { nodes; host_claimable; distances = Xenctrl.node_distances h }

(* Claiming *)

(* What an errno of SET means, by what can be read now. *)
let explain h domid set : Unix.error -> error = function
  | ENOMEM -> (
      let on_host = sum set in
      match look ~domid h with
      | Error error -> error
      | Ok host -> (
          let short { node; claimable } =
            let on_node (c : Xenctrl.claim) =
              Int32.to_int c.target = node && Int64.compare c.pages claimable > 0
            in
            match List.find_opt on_node (Array.to_list set) with
            | Some c -> Some (Not_enough_memory { where = Node node; wanted = c.pages; claimable })
            | None -> None
          in
          match List.find_map short host.nodes with
          | Some error -> error
          | None when Int64.compare on_host host.host_claimable > 0 ->
              let claimable = host.host_claimable in
              Not_enough_memory { where = Host; wanted = on_host; claimable }
          | None -> Short_a_moment_ago))
  | EINVAL as error -> (
      let wanted = sum set in
      let is_it (info : Xenctrl.domain_info) = info.domid = domid in
      match result (fun () -> List.find_opt is_it (Xenctrl.domain_list h)) with
      | Ok (Some { total_pages; max_pages; _ })
        when Int64.compare wanted (Int64.sub max_pages total_pages) > 0 ->
          Over_max_memory { wanted; total_pages; max_pages }
      | Ok _ | Error _ -> Refused error)
  | ENOENT as error -> (
      match result (fun () -> Xenctrl.node_memory h) with
      | Error error -> error
      | Ok nodes -> (
          let is_offline (c : Xenctrl.claim) =
            let is_it (m : Xenctrl.node_memory) = m.node = Int32.to_int c.target in
            c.target >= 0l && not (List.exists is_it nodes)
          in
          match List.find_opt is_offline (Array.to_list set) with
          | Some c -> No_such_node (Int32.to_int c.target)
          | None -> Refused error))
  | error -> refused (Some domid) error

let install h domid set =
  try Ok (Xenctrl.domain_claim_memory h domid set)
  with Unix.Unix_error (error, _, _) -> Error (explain h domid set error)

let release h domid =
  result ~domid (fun () -> Xenctrl.domain_claim_memory h domid [| { pages = 0L; target = -1l } |])

(* Signals that others send, and whose handlers may raise wherever OCaml comes to run them. *)
let signals =
  Sys.
    [
      sigabrt; sigalrm; sighup; sigint; sigpipe; sigquit; sigterm; sigusr1; sigusr2; sigchld;
      sigcont; sigtstp; sigttin; sigttou; sigvtalrm; sigprof; sigpoll; sigurg; sigxcpu; sigxfsz;
    ]
[@@ocamlformat "disable"]

(* Both are for this thread. A handler of a signal that came meanwhile runs when it is let in. *)
let keep_out () = Unix.sigprocmask SIG_BLOCK signals
let let_in mask = ignore (Unix.sigprocmask SIG_SETMASK mask)

(* Handlers run while [f] does, and at no time between installing or releasing and knowing of it. *)
let with_claims h domid set f =
  let mask = keep_out () in
  match install h domid set with
  | exception exn ->
      let trace = Printexc.get_raw_backtrace () in
      let_in mask;
      Printexc.raise_with_backtrace exn trace
  | Error error ->
      let_in mask;
      Error error
  | Ok () -> (
      match
        let_in mask;
        let value = f () in
        (value, keep_out ())
      with
      | value, mask ->
          let released = try Ok (ignore (release h domid)) with exn -> Error exn in
          let_in mask;
          Result.fold released ~ok:(fun () -> Ok value) ~error:raise
      | exception exn ->
          (* One more handler may raise, before signals are kept out. *)
          let mask = try keep_out () with _ -> keep_out () in
          let trace = Printexc.get_raw_backtrace () in
          (* Whatever the release comes to, what [f] raised is what happened. *)
          (try ignore (release h domid) with _ -> ());
          let_in mask;
          Printexc.raise_with_backtrace exn trace)

let claim_with_plan ?(attempts = 16) ?near ?host_claim ?leave h domid ~pages policy =
  if attempts < 1 then
    invalid_arg (Printf.sprintf "Claims.claim_with_plan: attempts is %d, not 1 or more" attempts);
  let rec attempt retries =
    let* host = look ~domid ?leave h in
    match plan ?near ?host_claim host ~pages policy with
    | Error by ->
        let* holders = holders h in
        Error (Short { wanted = pages; by; holders })
    | Ok claims -> (
        match Xenctrl.domain_claim_memory h domid claims with
        | () -> Ok { claims; retries }
        | exception Unix.Unix_error (ENOMEM, _, _) ->
            if retries + 1 < attempts then attempt (retries + 1)
            else
              let* holders = holders h in
              Error (Outrun { attempts; holders })
        | exception Unix.Unix_error (error, _, _) -> Error (explain h domid claims error))
  in
  attempt 0
