(** The list of VMs to build: a JSON list of objects.

    [name] is 1..64 letters, digits, [-], [_] and [.], and no two VMs share it. [mib] is the memory
    of the VM. [nodes], which may be left out, are the NUMA nodes it had best be on. Other fields
    are errors, as they would be misspelt ones.

    An error is one line that names the source, the entry (from 1) and what is expected. *)

type vm = {
  name : string;
  mib : int;  (** 1..{!max_mib} *)
  nodes : int list;  (** Node ids in 0..63, none twice. Empty: no preference. *)
}

val max_mib : int
(** The most memory a domain can have, in MiB: Xen counts its pages of 4 KiB in 32 bits. *)

val read : string -> (vm list, string) result
(** [read path] is the list in the file [path], or on standard input if [path] is ["-"]. *)

val parse : source:string -> string -> (vm list, string) result
(** [parse ~source text] is the list in [text], which errors call [source]. *)

val check_nodes : source:string -> host:string -> int list -> vm list -> (unit, string) result
(** [check_nodes ~source ~host nodes vms] is an error if one of [vms] prefers a node that is not in
    [nodes], the node ids of the host that errors call [host]. *)

val source : string -> string
(** [source path] is what errors call [path]. *)
