(** Claim sets, from OCaml. *)

(* Without this file dune would put all modules in here, and a program that opens this and has a
   [Connection] of its own would lose it. *)

module Xenctrl = Xenctrl

module Hypercalls = Xenctrl
(** The same, for code that uses Xen's own [Xenctrl] and does not open this. *)

module Claims = Claims
module Orphans = Orphans

(**/**)

(* For xenctrl-claims.testing. *)
module Private = struct
  module Connect = Connect
  module Connection = Connection
  module Failures = Failures
  module Primitives = Primitives
end
