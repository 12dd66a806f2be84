(* What this library opened; of any other handle nothing can be asked here. *)
let of_handle name handle =
  match (Xenctrl_claims.Xenctrl.connection handle).inner with
  | Connect.Raw raw -> raw
  | _ -> raise (Unix.Unix_error (EOPNOTSUPP, name, "a handle of Xenctrl.interface_open"))
