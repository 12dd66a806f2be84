(** A report on its way from a Dom0, which may have nothing that draws pictures, nor a place for a
    page: in a line among those of the table, which {!pass_on} takes out again. That has to be the
    same program, which the line says. *)

val line : Report.t -> string
(** [line report] is what a page is made of, with the end of the line. *)

val pass_on : in_channel -> directory:string -> (string, string) result option
(** [pass_on from ~directory] prints what [from] has, but for such a line, and makes its page: where
    that is, or why there is none; [None] if there was no such line. *)
