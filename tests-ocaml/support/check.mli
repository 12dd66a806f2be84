(** An equality and a printer for each type of the library, and the checks made of them. Equal
    counts of free pages may differ by {!Host.slack}. *)

open Xenctrl_claims

val claims : Xenctrl.claim array Alcotest.testable
val node_memory : Xenctrl.node_memory Alcotest.testable
val host_memory : Xenctrl.host_memory Alcotest.testable
val domain_info : Xenctrl.domain_info Alcotest.testable
val snapshot : Values.snapshot Alcotest.testable
val outcome : 'a Alcotest.testable -> 'a Values.outcome Alcotest.testable
val returns : string -> (unit -> unit) -> unit

val invalid : string -> (unit -> 'a) -> unit
(** [invalid message f]: [f] raises [Invalid_argument message]. *)

val full : string -> string
(** [full name] is [name] with its module, which is [Xenctrl] if it names none. *)

val invalid_from : string -> (unit -> 'a) -> unit
(** [invalid_from name f]: [f] raises [Invalid_argument], and the message names function [name]. *)

val refused : Unix.error -> string -> string -> (unit -> 'a) -> unit
(** [refused error name subject f]: [f] raises [Unix_error (error, name, subject)]. *)

val panics : (unit -> 'a) -> unit
(** [panics f]: the fault that was injected reaches [f]. *)

val closed : string -> (unit -> 'a) -> unit
(** [closed name f]: [f] says that the handle is closed, and names function [name]. *)

val unchanged : Xenctrl.handle -> (unit -> 'a) -> 'a
(** [unchanged h f] is [f ()], after which everything of [h] is as it was. *)

val claims_of : Xenctrl.handle -> Xenctrl.domid -> Xenctrl.claim array -> unit
(** [claims_of h d expected]: that is what GET returns, and what all counts of [d] say. *)

val pages : string -> int64 -> int64 -> unit

val free : string -> int64 -> int64 -> unit
(** [free what expected found] is for counts of free pages. *)

val at_least : string -> int -> int -> unit
(** [at_least what least found] *)
