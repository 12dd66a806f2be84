(** The report as one HTML file with pictures, that needs nothing else to be shown. *)

val write : Report.t -> directory:string -> (string, string) result
(** [write report ~directory] makes [directory], if it is not there, and writes [report.html] in it,
    whose path it is. The pictures are drawn by gnuplot, which is to be on the [PATH]. An error is a
    line that says what went wrong. *)
