(** What happens on a host: a JSON object in a file.

    [host] is the host, as [--host] takes it; [builders] how many VMs are built at once, 1..64 (8 if
    left out); [about] a line for people; [vms] the VMs to build, in that order; [running] those
    that are there already. Each VM has a [name] (1..64 letters, digits, [-], [_] and [.], unique)
    and [mib], its memory in MiB. If you like, it has [nodes], the ids of those it had best be on,
    and [arrives] (of [vms]) or [leaves] (of [running]), in seconds after the start. One that leaves
    at 0 is gone when it starts, and its memory is free, but {e dirty}: to be scrubbed before
    somebody gets it. Other fields are errors, as they would be misspelt ones.

    An error is one line that names the source, the entry (from 1) and what is expected. *)

type vm = {
  name : string;
  pages : int64;  (** Of 4 KiB. *)
  nodes : int list;  (** Node ids in 0..63, none twice. Empty: no preference. *)
  at : float;  (** When it arrives, or leaves: 0 and infinity if that was left out. *)
}

type t = {
  name : string;  (** Of the file, without directory and extension. *)
  about : string;
  host : string;
  builders : int;
  running : vm list;
  vms : vm list;
}

val max_builders : int
(** More than that help nobody, and OCaml has 128 domains at most. *)

val read : string -> (t, string) result
(** [read path] is the scenario in the file [path], or on standard input if [path] is ["-"]. *)

val parse : source:string -> string -> (t, string) result
(** [parse ~source text] is the scenario in [text], which errors call [source]. *)

val check_nodes : source:string -> host:string -> int list -> t -> (unit, string) result
(** [check_nodes ~source ~host nodes t] is an error if a VM prefers a node that is not in [nodes],
    the node ids of the host that errors call [host]. *)

val wanted : t -> int64
(** [wanted t] are the pages of all VMs that are to be built. *)

val fit : t -> nodes:int list -> factor:float -> t
(** [fit t ~nodes ~factor] is [t] for another host: amounts times [factor], in whole extents of 2
    MiB, one at least; preferences for nodes that it has not are for another of [nodes]. *)

val source : string -> string
(** [source path] is what errors call [path]. *)
