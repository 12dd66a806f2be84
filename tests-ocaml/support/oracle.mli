(** What docs/contract.md says of SET, written a second time and naively. *)

open Xenctrl_claims

val valid : Xenctrl.claim list -> bool
(** 1.13 *)

val first_bad : Xenctrl.claim list -> int option
(** The position of the entry that makes the list invalid; [None] if there is none, or if no single
    entry does. *)

val refusal : Values.snapshot -> Xenctrl.domid -> Xenctrl.claim array -> Unix.error option
(** 1.4, rows 12 to 16, of a valid set on a living domain. *)

val invariants : Values.snapshot -> string list
(** 1.7: those of I1 to I3, and of simple sums, that do not hold. I3 is for domains whose maximum
    was never lowered. *)
