(* usage: toolstack-in-tree DOMID

   The same over the Xen tree's own binding; in-tree.sh builds it, against the tree. *)

external numa_meminfo : Xenctrl.handle -> Claim_sets.Claims.node_memory list = "test_numa_meminfo"

module C = Over_xenctrl.Make (struct
  let memory = numa_meminfo
  let distances _ = [||]
end)

module Test = Toolstack.Run (C)

let () = Test.run (Xenctrl.interface_open ()) (int_of_string Sys.argv.(1))
