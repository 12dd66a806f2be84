(** What came of a storm, in numbers. *)

type t = {
  built : int;
  on_one_node : int;  (** Of those built. *)
  as_planned : int;  (** Over several nodes, each as planned. *)
  strayed : int;  (** With memory on a node where it was not planned, or more than was. *)
  refused : int;  (** Before any of their memory was there. *)
  late_refused : int;  (** Refused although some of it was. *)
  failed : int;  (** Ended while they were populated. *)
  wasted_pages : int64;  (** Populated for those. *)
  stray_pages : int64;  (** Of those built, where it was not planned. *)
  used_pages : int64;  (** Of those built. *)
  retries : int;
  seconds : float;
}

val of_storm : Storm.t -> t

val stray : Storm.vm -> int64
(** [stray vm] are the pages that it has of nodes beyond what was planned there. Pages of a host
    claim may be anywhere. *)

val broken_promises : Storm.t -> string list
(** [broken_promises storm] is a line for each of these that does not hold, as it must with claims:
    no VM has memory of a node that it did not claim; no build fails after its first page; every
    refusal comes before any memory is touched; no claim is left. *)
