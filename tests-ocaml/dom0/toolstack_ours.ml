(* usage: toolstack-ours DOMID *)

open Xenctrl_claims

module Test = Toolstack.Run (struct
  include Claims

  type handle = Xenctrl.handle
end)

let () = Test.run (Xenctrl.interface_open ()) (int_of_string Sys.argv.(1))
