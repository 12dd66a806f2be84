(** What came of it, for a person to read, and as JSON. *)

type t = {
  scenario : Scenario.t;
  host : string;  (** As it was asked for. *)
  seed : int;
  nodes : int;
  pages : int64;  (** Of all nodes. *)
  storms : Storm.t list;  (** A column each. *)
}

val heading : t -> string
(** [heading report] says in one line what was done, and on what. *)

val kind : Storm.by -> string
(** [kind by] names it in two or three words, as tables do. *)

val rows : t -> string list list
(** [rows report] is the table: a row of column names, then a label and a cell for each storm. *)

val to_string : t -> string
(** [to_string report] has the heading, the table, and a line for each VM that was not built. *)

val vms : t -> string
(** [vms report] has a line for each VM: where its memory is, or why it has none. *)

val to_json : t -> Yojson.Safe.t
(** [to_json report] is an object: [scenario], [host], [nodes], [pages], [seed], and [storms], a
    list of objects with [claims] (boolean), [builder] ([affinity], [exact] or [xl]), the fields of
    {!Summary.t}, [broken_promises] (list of strings), and [vms], a list of objects with [name],
    [pages], [outcome] ([built], [refused] or [failed]), [reason] (where it was not built),
    [populated], [planned] and [memory] (objects from node id, or [host], to pages), [retries],
    [started], [ended], and [up] where a guest said that it is. Amounts are pages of 4096 bytes,
    times are seconds. *)

val storm_json : Storm.t -> Yojson.Safe.t
(** [storm_json storm] is what {!to_json} has of one storm. *)

val gib : int64 -> string
(** [gib pages] is that many GiB, or MiB if it is less than one. *)
