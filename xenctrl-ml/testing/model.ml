type fault = Panic | Panic_in_binding | Delay of float | Refuse of Unix.error

let create host =
  let raw = Primitives.xen_claims_open_model host |> Failures.get_or_fail "Model" "create" in
  Xenctrl_claims.Xenctrl.handle (Connect.connection raw)

let inject handle fault =
  let fault : Primitives.fault =
    match fault with
    | Panic -> Panic
    | Panic_in_binding -> Panic_in_binding
    | Delay seconds -> Delay seconds
    | Refuse error -> (
        match Failures.errno error with
        | Some errno -> Refuse errno
        | None ->
            Failures.invalid "Model" "inject" (Unix.error_message error ^ " is no answer of Xen's"))
  in
  match Primitives.xen_claims_inject (Raw.of_handle "Model.inject" handle) fault with
  | None -> ()
  | Some (Refused errno) -> raise (Unix.Unix_error (Failures.unix_error errno, "Model.inject", ""))
  | Some failure -> Failures.fail "Model" "inject" "" failure
