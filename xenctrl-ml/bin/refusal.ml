open Xenctrl_claims

let name : Unix.error -> string = function
  | EUNKNOWNERR _ as error -> Unix.error_message error
  | error ->
      let text = Printexc.to_string (Unix.Unix_error (error, "", "")) in
      Scanf.sscanf text "Unix.Unix_error(Unix.%[A-Z0-9]" Fun.id

let see_nodes = "'xen-claims nodes' shows what there is"

(* What is wrong, the error's name, and what to do. *)
let explain (error : Claims.lack Claims.error) =
  let size = Size.both in
  let text = Format.asprintf "%a" Claims.pp_error error in
  match error with
  | `Not_enough_memory { where; wanted; claimable } ->
      let where =
        match where with Node node -> Printf.sprintf "node %d" node | Host -> "the host"
      in
      let text =
        Printf.sprintf "%s has %s to claim, %s wanted" where (size claimable) (size wanted)
      in
      (text, "ENOMEM", see_nodes)
  | `Over_max_memory { wanted; total_pages; max_pages } ->
      let text =
        Printf.sprintf "it has %s and may have %s, %s more wanted" (size total_pages)
          (size max_pages) (size wanted)
      in
      (text, "EINVAL", "claim less, or raise that with 'xl mem-max'")
  | `Unplanned { reason = { wanted; by }; _ } ->
      (Printf.sprintf "%s wanted, which is %s too much" (size wanted) (size by), "ENOMEM", see_nodes)
  | `Short_a_moment_ago -> (text, "ENOMEM", "try again")
  | `Outrun _ -> (text, "ENOMEM", see_nodes)
  | `No_such_domain _ -> (text, "ESRCH", "'xl list' shows which there are")
  | `No_such_node _ -> (text, "ENOENT", see_nodes)
  | `Not_permitted ->
      (text, "EPERM or EACCES", "FLASK has to allow setclaim, and getdomaininfo to read claims")
  | `Not_supported ->
      (text, "EOPNOTSUPP", "boot a Xen with the patches of xen-claims, XEN_DOMCTL_claim_memory")
  | `Refused error -> (text, name error, "'xl dmesg' may say more")

let reason error =
  let text, _, _ = explain error in
  text

let error ?domid (error : Claims.lack Claims.error) =
  let text, name, what_to_do = explain error in
  let status : Status.t = match error with `Not_supported -> Unavailable | _ -> Refused in
  let about =
    match (domid, error) with
    | None, _ | _, (`No_such_domain _ | `Not_supported) -> ""
    | Some domid, _ -> Printf.sprintf "domain %d: " domid
  in
  Status.fail status "%s%s (%s): %s" about text name what_to_do

let of_unix_error error call subject =
  let call = String.map (function '_' -> ' ' | c -> c) call in
  let subject = if subject = "" then "" else " of " ^ subject in
  Status.fail Refused "the hypervisor refused '%s'%s (%s): 'xl dmesg' may say more" call subject
    (name error)
