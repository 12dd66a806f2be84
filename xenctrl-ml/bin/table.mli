(** Columns of text, and what a terminal can show beside them. *)

type align = Left | Right

val render : (align * string) list -> string list list -> string
(** [render head rows] is [head] and [rows] in columns two spaces apart, each as wide as its widest
    cell. Ends with a newline. *)

(** {1 Terminals} *)

type style = Plain  (** Not a terminal. *) | Terminal of { colours : bool }

val style : unit -> style
(** [style ()] is what standard output is. A terminal has colours, unless [NO_COLOR] is set to
    anything but the empty string, or [TERM] is [dumb] or not set. *)

val bar : style -> width:int -> (char * string * int64) list -> string
(** [bar style ~width parts] is a bar of [width] characters for parts of a whole: each with its
    character, the number of its ANSI colour, and how much it is. A part of more than 0 has at least
    one character if there is room. *)
