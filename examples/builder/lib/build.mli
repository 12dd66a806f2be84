(** Builds one VM: a domain whose memory is claimed before it is populated. *)

open Xenctrl_claims

(** Why a VM can't be had now. That is an answer, not a fault. *)
type refusal =
  | Short of Plan.node list
      (** All nodes together have too little claimable: these, when they were read last. *)
  | Outrun  (** Other builders were faster {!max_attempts} times. *)

type outcome =
  | Built of { domid : Xenctrl.domid; plan : Plan.t }  (** Its memory is where [plan] says. *)
  | Refused of refusal
  | Failed of string  (** The hypervisor did what it must not, given that the claim stands. *)

type t = {
  vm : Vm_list.vm;
  outcome : outcome;
  retries : int;  (** How often another builder was faster, so that a new plan was made. *)
}

val max_attempts : int
(** How often a VM is planned and claimed before it is refused as [Outrun]. Each failure means that
    another VM got memory, so only many builders at once need more than a few. *)

val vm : Xenctrl.handle -> Vm_list.vm -> t
(** [vm xc wanted] creates a domain, claims its memory on the nodes of {!Plan.make}, makes those its
    affinity, and populates from each exactly what was claimed there. If another builder was faster
    ([ENOMEM]), the nodes are read and planned again.

    Unless the VM was built, its domain does not exist afterwards and nothing is claimed for it,
    also if this raises. It may run in several OCaml domains at once on one [xc]. *)

val nodes : Xenctrl.handle -> Plan.node list
(** [nodes xc] is what is claimable on each node now. *)

val pages_per_mib : int
(** 256 *)
