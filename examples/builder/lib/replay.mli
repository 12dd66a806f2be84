(** A storm that another program played, for the report: [./dev bench --placement --storm] has this.
*)

val read : string -> (Report.t, string) result
(** [read json] is what [json] tells: [name], [about], [host], [seed], [builders] and [storms]. A
    storm is how it was played, [by], with [claims] or not, and its [course], as
    [bench/src/placement/player.rs] has it; amounts are pages. An error is one line. *)
