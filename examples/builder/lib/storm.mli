(** A scenario, played on a host: builders in parallel, VMs that arrive and leave, and a look at the
    nodes every now and then. *)

open Xenctrl_claims

type by =
  | Builder of Build.how
  | Xl of { claims : bool }  (** [xl create], which claims on nodes or does not. *)
  | Replayed of { how : string; claims : bool }  (** Another program, in the way it says. *)

type vm = {
  build : Build.t;
  memory : (int * int64) list;
      (** Where its memory is: nodes and pages, ascending, as the hypervisor says. *)
  up : float option;
      (** When a guest in it said that it is up, in seconds since the start of the storm. Only [xl]
          starts guests. *)
}
(** A VM and what came of it. *)

type sample = { time : float; nodes : Xenctrl.node_memory list }

type t = {
  by : by;
  seconds : float;  (** From the start to the end of the last build. *)
  vms : vm list;  (** In the order of the scenario. *)
  samples : sample list;  (** By time. *)
  outstanding_pages : int64;  (** Claimed at the end. *)
}

type progress = { time : float; built : int; refused : int; failed : int; of_all : int }

val play :
  Xenctrl.handle ->
  Clock.kind ->
  how:Build.how ->
  seed:int ->
  ?scale:float ->
  ?speed:float ->
  ?crossing:(unit -> unit) ->
  progress:(progress -> unit) ->
  Scenario.t ->
  t
(** [play xc kind ~how ~seed ~progress scenario] builds what [scenario] says. VMs of an earlier
    builder are found and taken over. Those that run already are built first, and those of them that
    leave at 0 destroyed again, before time begins. At [scale] (1 by default), amounts are that much
    smaller than those the time was measured for, and take as long. At [speed] (1 by default),
    everything takes that much less time. For [crossing], see {!Build.env}. [progress] is called now
    and then, and at the end. *)

val run_already : Xenctrl.handle -> seed:int -> Scenario.t -> Scenario.vm list
(** [run_already xc ~seed scenario] builds those that run already, destroys those that leave at 0,
    and is the others. Raises [Invalid_argument] if there is no room for them. *)

val memory_of :
  Xenctrl_claims_testing.Building.Domain_memory.t list -> Build.t -> (int * int64) list
(** [memory_of all build] is what of [all] is the built VM's. *)

val clear : Xenctrl.handle -> Scenario.t -> unit
(** [clear xc scenario] destroys the VMs of [scenario]. *)
