(** Time, for actors that work in parallel: OCaml domains.

    On the machine's own time they run freely. On {e simulated} time each has a clock of its own,
    which only {!spend} moves, and they take turns: it is always the one whose clock is furthest
    behind that runs, until it spends more. What they do to each other is then the same each time,
    on any machine, and takes no longer than the work itself. *)

type kind = Real | Simulated

type actor
(** Who has a clock. Each is used in its own OCaml domain only. *)

val run : kind -> (actor -> unit) list -> background:(actor -> unit) list -> unit
(** [run kind actors ~background] runs all of these, each in an OCaml domain of its own, and returns
    when all [actors] have returned. Those in [background] are stopped then, in {!spend}. If some
    raise, the others go on; then one of the exceptions is raised. *)

val now : actor -> float
(** [now a] are the seconds since the start, by the clock of [a]. *)

val spend : actor -> float -> unit
(** [spend a s] lets [s] seconds go by, 0 or more. *)

val wait_until : actor -> float -> unit
(** [wait_until a s] lets the time go by until [now a] is [s], if that is in the future. *)
