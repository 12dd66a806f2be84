open Xenctrl_claims
open Xenctrl_claims_testing

type t = Xen | Model of { host : string; state : string option }

let ( let* ) = Result.bind

let open_xen () =
  match Xenctrl.interface_open () with
  | xc -> Ok xc
  | exception Unix.Unix_error (_, _, reason) -> Status.fail Unavailable "%s" reason

let open_model host =
  let prefix = "Model.create: " in
  match Model.create host with
  | xc -> Ok xc
  | exception Invalid_argument message ->
      let skip = if String.starts_with ~prefix message then String.length prefix else 0 in
      let reason = String.sub message skip (String.length message - skip) in
      Status.fail Usage "--host: %s" reason

let prepared xc path =
  match State_file.load xc path with
  | Ok () -> Ok xc
  | Error reason -> Status.fail Usage "--state: %s" reason

let connect = function
  | Xen -> open_xen ()
  | Model { host; state } -> (
      let* xc = open_model host in
      match state with None -> Ok xc | Some path -> prepared xc path)

let claim_sets xc =
  if Xenctrl.has_claim_sets xc then Ok ()
  else
    Status.fail Unavailable
      "this Xen has no claim sets: boot one that has the call XEN_DOMCTL_claim_memory"

let run t f =
  let* xc = connect t in
  Fun.protect ~finally:(fun () -> Xenctrl.interface_close xc) @@ fun () ->
  try
    let* () = claim_sets xc in
    f xc
  with Unix.Unix_error (error, call, subject) -> Refusal.of_unix_error error call subject
