(** Amounts of memory as people write them: [512M], [2G], [262144p]. *)

val of_string : string -> (int64, string) result
(** [of_string s] is [s] in pages of 4096 bytes: a number and a unit, which is [p] (pages), [K],
    [M], [G] or [T] (powers of 1024 bytes); or [0]. The error says what is wrong with [s]: it is no
    such thing, is no whole number of pages, or is over 2{^ 63} - 1 pages. *)

val to_string : int64 -> string
(** [to_string pages] is [pages] in the largest of [T], [G], [M] and [p] that it is a whole number
    of, so that {!of_string} of it is [pages]. *)

val rough : int64 -> string
(** [rough pages] is [pages] rounded down to whole [M], or [to_string pages] if it is less than one.
*)

val both : int64 -> string
(** [both pages] is [rough pages], followed by the exact number if that is another. *)
