(** The shape of what [--json] prints. [docs/json.md] and the manual describe it: a change there
    that is no addition takes a new {!version}. *)

open Xenctrl_claims

val version : int
val nodes : Reading.nodes -> (string * Yojson.Safe.t) list
val domains : Reading.domain list -> (string * Yojson.Safe.t) list
val domain : Reading.domain -> (string * Yojson.Safe.t) list
val plan : pages:int64 -> Xenctrl.claim list -> (string * Yojson.Safe.t) list

val to_string : (string * Yojson.Safe.t) list -> string
(** [to_string fields] is an object with the version and [fields], over several lines. *)

val to_line : (string * Yojson.Safe.t) list -> string
(** [to_line fields] is the same on one line. *)

val manual : Cmdliner.Manpage.block list
