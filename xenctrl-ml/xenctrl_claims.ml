(** Claim sets, from OCaml. *)

(* Without this file dune would put all modules in here, and a program that opens this and has a [Plan]
   of its own would lose it. *)

module Xenctrl = Xenctrl
module Claims = Claims
module Orphans = Orphans
