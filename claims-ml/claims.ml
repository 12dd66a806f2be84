include Types

type node = Plan.node = { node : int; claimable : int64 }
type shortage = { where : target; wanted : int64; claimable : int64 }
type short = [ `Not_enough_memory of shortage | `Short_a_moment_ago ]

type host = {
  nodes : node list;
  host_claimable : int64;
  distances : int array array;
  short : short option;
}

type policy = Plan.policy =
  | Single
  | Pack
  | Interleave
  | Prefer of int list
  | Only of int list
  | Evenly of int list

type lack = Plan.lack = { wanted : int64; by : int64 }
type call = Populating.call = { order : int; extents : int; placement : placement }
type populating = Populating.plan = { affinity : int list; calls : call list }

let plan ?near ?host_claim { nodes; host_claimable; distances; _ } ~pages policy =
  Plan.plan ?near ?host_claim ~nodes ~host_claimable ~distances ~pages policy

let populate_plan = Populating.plan
let rest = Populating.rest

(* Targets *)

let no_target target =
  invalid_arg (Printf.sprintf "Claims.target: %ld is neither a node in 0..63 nor -1" target)

let target { target; _ } =
  match target with
  | -1l -> Host
  | n when 0l <= n && n < 64l -> Node (Int32.to_int n)
  | n -> no_target n

let on where pages =
  match where with
  | Host -> { pages; target = -1l }
  | Node n when 0 <= n && n < 64 -> { pages; target = Int32.of_int n }
  | Node n -> invalid_arg (Printf.sprintf "Claims.on: node %d is not in 0..63" n)

let is_on where (claim : claim) = claim.target = (on where 0L).target

(* Errors *)

type over = { wanted : int64; total_pages : int64; max_pages : int64 }
type holder = { domid : domid; total_pages : int64; claims : claim array }

type refusal =
  [ `No_such_domain of domid | `Not_permitted | `Not_supported | `Refused of Unix.error ]

type unfit = [ `Over_max_memory of over | `No_such_node of int ]
type install_error = [ refusal | unfit | short ]
type outrun = { attempts : int; short : short; holders : holder list }
type 'e unplanned = { reason : 'e; holders : holder list }
type 'e claim_error = [ refusal | unfit | `Unplanned of 'e unplanned | `Outrun of outrun ]
type 'e error = [ install_error | 'e claim_error ]

let pp_pages ppf pages =
  let per_mib = 256L and per_gib = 262144L in
  let whole unit = Int64.rem pages unit = 0L && pages <> 0L in
  if whole per_gib then Format.fprintf ppf "%Ld GiB" (Int64.div pages per_gib)
  else if whole per_mib then Format.fprintf ppf "%Ld MiB" (Int64.div pages per_mib)
  else
    let plain ppf = Format.fprintf ppf "%Ld page%s" pages (if pages = 1L then "" else "s") in
    if Int64.compare pages per_mib < 0 then plain ppf
    else Format.fprintf ppf "%Ld MiB (%t)" (Int64.div pages per_mib) plain

let sum claims = Array.fold_left (fun n (c : claim) -> Int64.add n c.pages) 0L claims

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

let pp_lack ppf ({ wanted; by } : lack) =
  Format.fprintf ppf "not enough memory: short by %a of %a" pp_pages by pp_pages wanted

let pp_target ppf = function
  | Node n -> Format.fprintf ppf "node %d" n
  | Host -> Format.pp_print_string ppf "the host"

let pp_error_of pp_reason ppf (error : [< 'e error ]) =
  match error with
  | `Not_enough_memory ({ where; wanted; claimable } : shortage) ->
      Format.fprintf ppf "not enough memory: %a wanted, %a claimable on %a" pp_pages wanted pp_pages
        claimable pp_target where
  | `Short_a_moment_ago ->
      Format.fprintf ppf "not enough memory a moment ago; there may be enough now"
  | `Over_max_memory ({ wanted; total_pages; max_pages } : over) ->
      Format.fprintf ppf "over its maximum memory: %a wanted, it has %a and may have %a" pp_pages
        wanted pp_pages total_pages pp_pages max_pages
  | `No_such_domain domid -> Format.fprintf ppf "there is no domain %d, or it is dying" domid
  | `No_such_node node -> Format.fprintf ppf "the host has no node %d online" node
  | `Not_permitted -> Format.fprintf ppf "the security policy does not permit it"
  | `Not_supported -> Format.fprintf ppf "this hypervisor has no claim sets"
  | `Unplanned { reason; holders } -> Format.fprintf ppf "%a%a" pp_reason reason pp_holders holders
  | `Outrun { attempts; holders; short = _ } ->
      Format.fprintf ppf "other builders were faster %d time%s%a" attempts
        (if attempts = 1 then "" else "s")
        pp_holders holders
  | `Refused error -> Format.fprintf ppf "refused: %s" (Unix.error_message error)

let pp_error ppf error = pp_error_of pp_lack ppf error

(* Claiming *)

type claimed = { claims : claim array; retries : int }

type attempt = {
  number : int;
  host : host;
  planned : claim array;
  outcome : (unit, install_error) result;
}

type domain = { domid : domid; total_pages : int64; max_pages : int64 }

module type HYPERVISOR = sig
  type handle

  val set : handle -> domid -> claim array -> unit
  val get : handle -> domid -> claim array
  val node_memory : handle -> node_memory list
  val node_distances : handle -> int array array
  val host_memory : handle -> host_memory
  val domains : handle -> domain list
end

module type S = sig
  type handle

  val install : handle -> domid -> claim array -> (unit, [> install_error ]) result
  val release : handle -> domid -> (unit, [> refusal ]) result

  val with_claims :
    handle -> domid -> claim array -> (unit -> 'a) -> ('a, [> install_error ]) result

  val holders : handle -> (holder list, [> refusal ]) result
  val look : ?domid:domid -> ?leave:(int * int64) list -> handle -> (host, [> refusal ]) result

  val claim :
    ?attempts:int ->
    ?leave:(int * int64) list ->
    ?log:(attempt -> unit) ->
    handle ->
    domid ->
    (host -> (claim array, 'e) result) ->
    (claimed, [> 'e claim_error ]) result

  val claim_with_plan :
    ?attempts:int ->
    ?near:int ->
    ?host_claim:bool ->
    ?leave:(int * int64) list ->
    ?log:(attempt -> unit) ->
    handle ->
    domid ->
    pages:int64 ->
    policy ->
    (claimed, [> lack claim_error ]) result
end

let ( let* ) = Result.bind

let refused domid : Unix.error -> [> refusal ] = function
  | EPERM | EACCES -> `Not_permitted
  | ENOSYS | EOPNOTSUPP -> `Not_supported
  | ESRCH when domid <> None -> `No_such_domain (Option.get domid)
  | error -> `Refused error

let result ?domid f =
  try Ok (f ()) with Unix.Unix_error (error, _, _) -> Error (refused domid error)

(* What of [set] the host that was seen after its refusal does not have. *)
let short_of set host : short =
  let on_node ({ node; claimable } : node) =
    let exceeds c = is_on (Node node) c && Int64.compare c.pages claimable > 0 in
    let shortage (c : claim) = { where = Node node; wanted = c.pages; claimable } in
    Option.map shortage (List.find_opt exceeds (Array.to_list set))
  in
  let wanted = sum set in
  match List.find_map on_node host.nodes with
  | Some shortage -> `Not_enough_memory shortage
  | None when Int64.compare wanted host.host_claimable > 0 ->
      `Not_enough_memory { where = Host; wanted; claimable = host.host_claimable }
  | None -> `Short_a_moment_ago

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

module Make (X : HYPERVISOR) = struct
  type handle = X.handle

  (* Reading *)

  let holders h =
    let holder ({ domid; total_pages; _ } : domain) : holder option =
      match X.get h domid with
      | claims -> Some { domid; total_pages; claims }
      | exception Unix.Unix_error (ESRCH, _, _) -> None
      | exception Unix.Unix_error _ -> Some { domid; total_pages; claims = [||] }
    in
    let held (holder : holder) = Int64.add holder.total_pages (sum holder.claims) in
    let* domains = result (fun () -> X.domains h) in
    List.filter_map holder domains
    |> List.filter (fun holder -> held holder > 0L)
    |> List.stable_sort (fun a b -> Int64.compare (held b) (held a))
    |> Result.ok

  let look ?domid ?(leave = []) h =
    let* own =
      match domid with None -> Ok [||] | Some domid -> result ~domid (fun () -> X.get h domid)
    in
    result @@ fun () ->
    let own_on node = sum (Array.of_list (List.filter (is_on (Node node)) (Array.to_list own))) in
    (* Of a moment when memory was offlined, more may be claimed than free. *)
    let claimable free claimed own = Int64.max 0L (Int64.add (Int64.sub free claimed) own) in
    let shall_stay node = Int64.max 0L (Option.value ~default:0L (List.assoc_opt node leave)) in
    let node ({ node; free; claimed; _ } : node_memory) =
      let pages = claimable free claimed (own_on node) in
      let left = Int64.min pages (shall_stay node) in
      ({ node; claimable = Int64.sub pages left }, left)
    in
    let nodes, left = List.split (List.map node (X.node_memory h)) in
    let { free_pages; outstanding_pages } = X.host_memory h in
    let left = List.fold_left Int64.add 0L left in
    let of_host = claimable free_pages outstanding_pages (sum own) in
    let host_claimable = Int64.max 0L (Int64.sub of_host left) in
    { nodes; host_claimable; distances = X.node_distances h; short = None }

  (* What an errno of SET other than ENOMEM means, by what can be read now. *)
  let explain h domid set : Unix.error -> [> refusal | unfit ] = function
    | EINVAL as error -> (
        let wanted = sum set in
        let is_it (domain : domain) = domain.domid = domid in
        match result (fun () -> List.find_opt is_it (X.domains h)) with
        | Ok (Some { total_pages; max_pages; _ })
          when Int64.compare wanted (Int64.sub max_pages total_pages) > 0 ->
            `Over_max_memory { wanted; total_pages; max_pages }
        | Ok _ | Error _ -> `Refused error)
    | ENOENT as error -> (
        match result (fun () -> X.node_memory h) with
        | Error error -> error
        | Ok nodes -> (
            let is_offline claim =
              let is_it (m : node_memory) = is_on (Node m.node) claim in
              claim.target >= 0l && not (List.exists is_it nodes)
            in
            match List.find_opt is_offline (Array.to_list set) with
            | Some claim -> `No_such_node (Int32.to_int claim.target)
            | None -> `Refused error))
    | error -> refused (Some domid) error

  (* Claiming *)

  let install h domid set =
    match X.set h domid set with
    | () -> Ok ()
    | exception Unix.Unix_error (ENOMEM, _, _) ->
        let* host = look ~domid h in
        let (#short as short) = short_of set host in
        Error short
    | exception Unix.Unix_error (error, _, _) -> Error (explain h domid set error)

  let release h domid = result ~domid (fun () -> X.set h domid [| on Host 0L |])

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

  let claim ?(attempts = 16) ?leave ?(log = ignore) h domid plan =
    if attempts < 1 then
      invalid_arg (Printf.sprintf "Claims.claim: attempts is %d, not 1 or more" attempts);
    let rec attempt number host =
      match plan host with
      | Error reason ->
          let* holders = holders h in
          Error (`Unplanned { reason; holders })
      | Ok planned -> (
          let log outcome = log { number; host; planned; outcome } in
          match X.set h domid planned with
          | () ->
              log (Ok ());
              Ok { claims = planned; retries = number - 1 }
          | exception Unix.Unix_error (ENOMEM, _, _) ->
              let* now = look ~domid ?leave h in
              let short = short_of planned now in
              log (Error (short :> install_error));
              if number < attempts then attempt (number + 1) { now with short = Some short }
              else
                let* holders = holders h in
                Error (`Outrun { attempts; short; holders })
          | exception Unix.Unix_error (error, _, _) ->
              let ((#refusal | #unfit) as refused) = explain h domid planned error in
              log (Error (refused :> install_error));
              Error refused)
    in
    let* host = look ~domid ?leave h in
    attempt 1 host

  let claim_with_plan ?attempts ?near ?host_claim ?leave ?log h domid ~pages policy =
    claim ?attempts ?leave ?log h domid (fun host -> plan ?near ?host_claim host ~pages policy)
end
