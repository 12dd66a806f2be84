(** Builds one VM, the way it is done today or with a claim set.

    Both look at the host, decide on nodes by the same plan, make these the VM's node affinity,
    spend the time that a toolstack spends on other things, and populate, which takes its time too.
    With claims, the plan is claimed when it is made. *)

open Xenctrl_claims

(** Whether the plan is claimed, and how the VM is populated.

    By affinity is how libxenguest populates a PV domain without virtual NUMA ([meminit_pv()]): no
    node is named, and extents are of 2 MiB, and of 4 KiB for the rest and for what is refused.
    (Here, all is in 4 KiB after the first refusal; there, each batch of 1 GiB begins with 2 MiB
    again.) *)
type how =
  | Without_claims
      (** By affinity: Xen takes what it finds, elsewhere if it must, or if memory there need not be
          scrubbed first; and nothing at all when the host is full. *)
  | Claims_and_affinity  (** By affinity: Xen takes what is claimed. *)
  | Claims_and_exact_nodes
      (** From exactly the nodes that were claimed, with extents of 1 GiB first:
          {!Claims.populate_plan}. *)

type pace = {
  think : float * float;  (** Seconds from the plan until the first page, from and to. *)
  seconds_per_page : float;  (** To populate it. Each step takes 0.8 to 1.2 times that. *)
  step : int;  (** Pages that are populated at once, as far as extents allow. *)
}
(** How fast things go. *)

type env = {
  xc : Xenctrl.handle;
  how : how;
  pace : pace;
  seed : int;
  crossing : unit -> unit;
      (** Called before and after each hypercall: what raises there has been killed there. *)
}

type outcome =
  | Built of Xenctrl.domid
  | Refused of { reason : string; touched : int64 }
      (** [touched] pages it had already by then, which should be none. *)
  | Failed of { reason : string; populated : int64 }
      (** Ended while it was populated, with [populated] pages for nothing. *)

type t = {
  vm : Scenario.vm;
  outcome : outcome;
  planned : Xenctrl.claim array;
      (** Where its memory was to be, claimed or not; empty if there was no plan, or if it was made
          before this builder was started. *)
  retries : int;  (** How often another builder was faster, so that a new plan was made. *)
  started : float;  (** In seconds since the start of the storm. *)
  ended : float;
}

val uuid : Scenario.vm -> string
(** [uuid vm] is what the domain of [vm] is created with: by it a restarted builder finds it. *)

val vm : env -> Clock.actor -> index:int -> Xenctrl.domain_info option -> Scenario.vm -> t
(** [vm env actor ~index existing wanted] builds [wanted], number [index] of the list. [existing] is
    its domain, if an earlier builder left one. With claims, Xen knows how far that one came: what
    is still claimed is still to be populated.

    Unless the VM was built, its domain does not exist afterwards and nothing is claimed for it. *)
