// SPDX-License-Identifier: BSD-2-Clause
/*
 * The handover protocol of hyp/lifecycle, in the engine's names: one gate word and one order word for
 * a VM, one state word and one latched kick for each CPU. `tests/model/run` checks it. Try a change
 * here first.
 *
 * What has to hold, whatever the CPUs do and however their steps interleave:
 *   - when phase 1 is over, no CPU is in the guest but the boot CPU and lost ones;
 *   - a CPU enters only the kernel whose memory is mapped, once for each CPU_ON that succeeded;
 *   - one boot CPU at a time, one entry for each handover;
 *   - a lost CPU is never counted as arrived, started, or idle_dead again;
 *   - nobody that has left is lost but for a kernel that is gone;
 *   - each order from another VM is carried out, and once;
 *   - no VM waits for another one's CPUs, or touches them;
 *   - when the machine leaves, no CPU of any VM is in a guest or will enter one, but lost ones;
 *   - nothing waits for ever, and in the end the gate counts exactly the CPUs that are online.
 *
 * What is one atomic instruction in the engine is one atomic { } here, so this memory is sequentially
 * consistent. Weaker memory is reasoned at each atomic of the engine and tested by ThreadSanitizer.
 * An AP's patience with its boot CPU is left out: it ends the machine.
 *
 *   -DSERIAL     the serial walk: APs are commanded one after another
 *   -DDEADLINES  any deadline may pass at any time. Without it no wait is saved by its deadline, so
 *                that a kick which nobody sends is a deadlock
 *   -DNEVER=n    n CPUs may stop answering, wherever in the guest they are, or on their way down
 *   -DCPUS=n -DEXECS=n -DSTOPS=n -DONS=n -DOFFS=n -DSETTLES=n
 *                how many CPUs, and calls by their guests in one run
 *   -DOFF        the VM is off at first
 *   -DORDERS=n   another VM gives it n orders. With -DONLY_ENTER all are of that kind
 *   -DSECOND=n   a second VM, of n CPUs. The orders and -DOFF are for that one
 *   -DFREEZES=n  n CPUs of the second VM may stop for good in the middle of a handover
 *   -DLEAVES=n   n host kexecs by the first VM, which is the host VM
 *   -DBREAK_…    one mistake each: Spin has to find it
 */
#ifndef CPUS
#define CPUS 4
#endif
#ifndef EXECS
#define EXECS 2
#endif
#ifndef ONS
#define ONS 1
#endif
#ifndef OFFS
#define OFFS 1
#endif
#ifndef QUIESCES
#define QUIESCES 0
#endif
#ifndef NEVER
#define NEVER 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef ORDERS
#define ORDERS 0
#endif
#ifndef SECOND
#define SECOND 0
#endif
#ifndef FREEZES
#define FREEZES 0
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifdef DEADLINES
#define deadline_passes true
#else
#define deadline_passes false
#endif

mtype = { idle_dead, claimed, on_pending, online, teardown, lost };
mtype = { none, enter, stop, leave }; /* what a handover ends with, and what is ordered */

#define ALL (CPUS + SECOND)
#define HAS_ORDERS (ORDERS || LEAVES)
#if SECOND
#define VMS 2
#define vm(who) ((who) < CPUS -> 0 : 1)
#define first_of(v) (v == 0 -> 0 : CPUS)
#define end_of(v) (v == 0 -> CPUS : ALL)
#else
#define VMS 1
#define vm(who) 0
#define first_of(v) 0
#define end_of(v) CPUS
#endif
#define ordered_vm (VMS - 1)

typedef Cpu {
    mtype state;
    byte epoch;  /* of the kernel that it is in, or was started for */
    byte commanded; /* serial walk: the last command to this AP */
    bool kicked; /* latched until wait() takes it, like an SGI */
}
Cpu cpu[ALL];

/* The gate: `count` is how many CPUs are in the guest or on their way into it. Open with none: off. */
typedef Gate {
    bool handover;
    byte epoch;
    byte count;
}
Gate gate_of[VMS];
byte commanded_all[VMS]; /* parallel walk: the last command to all APs */
byte boot_cpu_of[VMS];

/* From a CPU of another VM; `none` when it has been carried out. The number tells two of a kind. */
typedef Order {
    mtype what;
    byte number;
}
Order order_of[VMS];

#ifdef BREAK_ONE_GATE
#define gate gate_of[0]
#else
#define gate gate_of[vm(me)]
#endif
#define boot_cpu boot_cpu_of[vm(me)]
#define order order_of[vm(me)]
#define is_off(v) (!gate_of[v].handover && gate_of[v].count == 0)

/* A command to an AP is a number that only grows: an AP obeys all up to it. */
#define command_drain(e) (2 * (e))
#define command_take_down(e) (2 * (e) + 1)
#ifdef SERIAL
#define last_command(ap) cpu[ap].commanded
#else
#define last_command(ap) commanded_all[vm(ap)]
#endif

/* Ghosts say what the protocol is for. No statement of the protocol reads them. */
bool in_guest[ALL];
bool start_given[ALL]; /* a CPU_ON succeeded, and the CPU has not started yet */
bool named_lost[ALL];    /* named as lost: by a boot CPU, which has fenced it, or by `quiesce` */
bool stuck[ALL];       /* stopped answering */
byte kernel_of[VMS];    /* epoch of the kernel whose memory is mapped */
bool no_kernel_of[VMS]; /* there is none: the VM is off, or about to be */
byte entered_of[VMS];   /* the last epoch whose kernel was entered by a boot CPU */
byte boot_cpus_of[VMS]; /* between exec and entry */
byte outstanding;       /* orders that were given, and not carried out yet */
bool left;              /* the machine has */
bool left_behind;       /* the second VM was not off in time: it is lost */
#define kernel kernel_of[vm(me)]
#define no_kernel no_kernel_of[vm(me)]
#define entered entered_of[vm(me)]
#define boot_cpus boot_cpus_of[vm(me)]

byte execs = EXECS;
byte ons = ONS;
byte offs = OFFS;
byte quiesces = QUIESCES;
byte nevers = NEVER;
byte stops = STOPS;
byte orders = ORDERS;
byte freezes = FREEZES;
byte leaves = LEAVES;

#define not_yet_out(s) (s == claimed || s == on_pending || s == online)
#define between_states(s) (s == claimed || s == teardown)
#ifdef BREAK_QUIESCE_MISSES_CPU_OFF
#define is_straggler(who, e) (cpu[who].state == teardown && cpu[who].epoch < e)
#else
#define is_straggler(who, e) \
    ((cpu[who].state == teardown || cpu[who].state == online) && cpu[who].epoch < e)
#endif
#define still_busy(who) (between_states(cpu[who].state) || is_straggler(who, cpu[me].epoch))
/* What `quiesce` is for: whoever is neither lost nor idle_dead still has the root of its kernel. */
#define holds_kernel_before(who, e) \
    (cpu[who].state != idle_dead && cpu[who].state != claimed && cpu[who].epoch < e)
#define claimed_by_me(who) (cpu[who].state == claimed && cpu[who].epoch == cpu[me].epoch)
#define take_kick(who) atomic { cpu[who].kicked -> cpu[who].kicked = false }
#define kick(who) cpu[who].kicked = true

#define for_each_of(v, i) i = first_of(v); do :: i == end_of(v) -> i = 0; break :: i < end_of(v) ->
#define for_each_cpu(i) for_each_of(vm(me), i)
#define next_cpu(i) i++ od
#ifdef BREAK_TOUCHES_ALL_VMS
#define for_each_to_touch(i) i = 0; do :: i == ALL -> i = 0; break :: i < ALL ->
#else
#define for_each_to_touch(i) for_each_cpu(i)
#endif

inline kick_all_others() {
    d_step {
        for_each_cpu(i)
            cpu[i].kicked = cpu[i].kicked || i != me;
        next_cpu(i)
    }
}

/* Lifecycle::give. Nothing comes of it while another order waits. */
inline give(v, wanted) {
    atomic {
        if
        :: order_of[v].what == none ->
            order_of[v].what = wanted;
            order_of[v].number++;
            outstanding++
        :: else
        fi
    };
    d_step {
        for_each_of(v, i)
            cpu[i].kicked = true;
        next_cpu(i)
    }
}

/* Phase 1 is over: no CPU is in the guest but the boot CPU, and lost ones, which get fenced. */
inline assert_guest_left() {
    d_step {
        for_each_cpu(i)
            assert(i == me || !in_guest[i] || cpu[i].state == lost);
        next_cpu(i)
    }
}

/* Only the kernel whose memory is mapped is entered. */
inline enter_guest() {
    d_step {
        assert((cpu[me].epoch == kernel && !no_kernel) || cpu[me].state == lost);
        assert(!left || cpu[me].state == lost || (vm(me) == 1 && left_behind));
        in_guest[me] = true
    }
}

/* The AP's step to teardown and the boot CPU's to lost exclude each other: each is one CAS. */
inline lose_ap(ap) {
#ifdef BREAK_LOSS_WITHOUT_CAS
    if
    :: not_yet_out(cpu[ap].state) ->
        cpu[ap].state = lost;
        named_lost[ap] = true
    :: else
    fi
#else
    atomic {
        if
        :: not_yet_out(cpu[ap].state) ->
            cpu[ap].state = lost;
            assert(vm(ap) == vm(me));
            named_lost[ap] = true
        :: else
        fi
    }
#endif
}

/* By a CPU that needs what an earlier kernel ran on. The engine has state and epoch in one word. */
inline lose_straggler(who) {
    atomic {
        if
#ifdef BREAK_QUIESCE_TAKES_ANY
        :: cpu[who].state == teardown ->
#else
        :: is_straggler(who, cpu[me].epoch) ->
#endif
            assert(cpu[who].epoch < kernel);
            cpu[who].state = lost;
            named_lost[who] = true
        :: else
        fi
    }
}

/* The step to idle_dead and that to lost exclude each other likewise. */
inline become_idle_dead() {
#ifdef BREAK_IDLE_DEAD_WITHOUT_CAS
    if
    :: cpu[me].state == teardown ->
        atomic { cpu[me].state = idle_dead; assert(!named_lost[me]) }
    :: else -> goto end_parked_for_ever
    fi
#else
    atomic {
        if
        :: cpu[me].state == teardown -> cpu[me].state = idle_dead; assert(!named_lost[me])
        :: else -> goto end_parked_for_ever
        fi
    }
#endif
}

proctype run_cpu(byte me) {
    byte i;
    byte target;
    byte seen;
    mtype then = enter;

    if
    :: cpu[me].state == online -> goto guest
    :: else -> goto park
    fi;

/* --- Lifecycle::take_start, whenever a parked CPU wakes ----------------------------------------- */
park:
    do
    :: cpu[me].state == on_pending -> break
    :: cpu[me].state == lost -> goto end_parked_for_ever
    :: else ->
#if HAS_ORDERS
#ifdef BREAK_ORDER_SEEN_BEFORE_GATE
        if
        :: order.what == enter
        :: atomic { order.what == stop -> seen = order.number; goto drop }
        :: else -> goto end_park
        fi;
#endif
        atomic {
            if
            :: is_off(vm(me)) -> seen = gate.epoch
            :: else -> goto end_park
            fi
        };
#ifdef BREAK_ORDER_SEEN_BEFORE_GATE
        goto start;
#endif
        atomic {
            if
            :: order.what == enter -> goto start
            :: order.what == stop -> seen = order.number; goto drop
            :: else -> seen = 0
            fi
        };
#endif
end_park:
        take_kick(me)
    od;
#ifndef BREAK_START_IGNORES_GATE
    if
    :: gate.epoch != cpu[me].epoch -> goto join
    :: else
    fi;
#endif
    atomic {
        if
        :: cpu[me].state == on_pending ->
            cpu[me].state = online;
            assert(start_given[me] && !named_lost[me]);
            start_given[me] = false;
#if HAS_ORDERS && !defined(BREAK_STARTED_CPU_IGNORES_ORDER)
            goto back_to_guest
#else
            enter_guest()
#endif
        :: else -> goto end_parked_for_ever
        fi
    };

/* --- the guest: any call, at any time, or none ------------------------------------------------- */
guest:
end_guest:
    if
    :: take_kick(me);
        atomic {
            if
#if HAS_ORDERS
            :: gate.epoch == cpu[me].epoch -> in_guest[me] = false; goto back_to_guest
#else
            :: gate.epoch == cpu[me].epoch -> goto guest /* a stale kick is dropped */
#endif
            :: else -> in_guest[me] = false; goto join
            fi
        }
    :: atomic { execs > 0 -> execs--; in_guest[me] = false; goto exec }
    :: atomic { stops > 0 -> stops--; in_guest[me] = false; then = stop; goto exec }
#if LEAVES
    :: atomic { leaves > 0 && vm(me) == 0 -> leaves--; in_guest[me] = false };
        give(1, stop);
        then = leave;
        goto exec
#endif
    :: atomic { offs > 0 -> offs--; in_guest[me] = false; goto cpu_off }
    :: atomic { ons > 0 -> ons--; select(target : first_of(vm(me)) .. end_of(vm(me)) - 1);
                in_guest[me] = false };
        goto cpu_on
    :: atomic { quiesces > 0 -> quiesces--; in_guest[me] = false; goto quiesce }
    :: atomic { nevers > 0 -> nevers--; stuck[me] = true; goto end_stuck }
    fi;

#if HAS_ORDERS
/* --- an order, after each kick and before a guest is entered ------------------------------------ */
obey:
#ifdef BREAK_ORDER_TAKEN_FIRST
    atomic {
        if
        :: order.what != none -> then = order.what; order.what = none
        :: else -> goto back_to_guest
        fi
    };
#endif
    seen = true; /* this handover is for the order */
    goto exec;

/* --- Lifecycle::start, by a parked CPU, which saw the VM off and then an order to start it ------- */
start:
    atomic { /* it claims itself. The claim of a CPU that an earlier handover has lost is void */
        if
#ifdef BREAK_START_YIELDS_TO_LOST
        :: cpu[me].state == idle_dead ->
#elif defined(BREAK_START_TAKES_ANY_CLAIM)
        :: cpu[me].state == idle_dead || cpu[me].state == claimed ->
#else
        :: cpu[me].state == idle_dead || (cpu[me].state == claimed && cpu[me].epoch < seen) ->
#endif
            cpu[me].state = claimed;
            cpu[me].epoch = seen
        :: else -> seen = 0; goto end_park
        fi
    };
#ifdef BREAK_START_WITHOUT_CAS
    if
    :: is_off(vm(me)) && gate.epoch == seen
    :: else -> goto not_started
    fi;
#endif
    atomic { /* Gate::close_off */
        if
#ifdef BREAK_START_WITHOUT_CAS
        :: true ->
#elif defined(BREAK_START_OF_ANY_EPOCH)
        :: is_off(vm(me)) ->
#else
        :: is_off(vm(me)) && gate.epoch == seen ->
#endif
            gate.handover = true;
            gate.epoch++;
            gate.count = 1;
            boot_cpus++;
            assert(boot_cpus == 1)
        :: else -> goto not_started
        fi
    };
    seen = true;
    goto closed;
not_started:
    atomic {
        if
        :: cpu[me].state == claimed && cpu[me].epoch == seen -> cpu[me].state = idle_dead
        :: else /* lost meanwhile */
        fi;
        seen = 0;
        goto park
    };

/* An order to stop, when the VM is off already: seen before this look at the gate. */
drop:
    if
    :: is_off(vm(me))
    :: else -> seen = 0; goto end_park
    fi;
    atomic {
        if
#ifdef BREAK_DROP_OF_ANY_NUMBER
        :: order.what == stop ->
#else
        :: order.what == stop && order.number == seen ->
#endif
            assert(gate.count == 0); /* or it is shut */
            order.what = none;
            outstanding--
        :: else
        fi;
        seen = 0;
        goto park
    };
#endif

/* --- Lifecycle::quiesce, by one at a time -------------------------------------------------------- */
quiesce:
    if
    :: gate.epoch != cpu[me].epoch -> target = 0; goto join
    :: else
    fi;
    for_each_cpu(target)
        if
        :: is_straggler(target, cpu[me].epoch) -> goto not_quiesced
        :: else
        fi;
    next_cpu(target);
    goto quiesced;
not_quiesced:
    if /* it polls */
    :: take_kick(me); goto quiesce
    :: !is_straggler(target, cpu[me].epoch) -> goto quiesce
    :: deadline_passes
    fi;
    for_each_cpu(target)
        lose_straggler(target);
    next_cpu(target);
quiesced:
    skip;
    d_step {
        for_each_cpu(i)
            assert(!holds_kernel_before(i, cpu[me].epoch) || named_lost[i]);
        next_cpu(i)
    }
    goto back_to_guest;

/* --- Lifecycle::cpu_on ------------------------------------------------------------------------- */
cpu_on: /* claim */
    do
    :: gate.epoch != cpu[me].epoch -> target = 0; goto join
    :: else ->
look:
        if
#ifdef BREAK_CLAIM_WITHOUT_CAS
        :: cpu[target].state == idle_dead ->
            cpu[target].state = claimed;
            cpu[target].epoch = cpu[me].epoch;
            break
#else
        :: atomic {
                cpu[target].state == idle_dead ->
                cpu[target].state = claimed;
                cpu[target].epoch = cpu[me].epoch
            };
            break
#endif
        :: still_busy(target) ->
            if /* poll: nobody kicks this waiter */
            :: take_kick(me)
            :: !still_busy(target)
            :: deadline_passes -> goto back_to_guest
            fi;
#ifdef BREAK_CPU_ON_EATS_KICK
            goto look
#endif
        :: else -> goto back_to_guest /* already on, on its way, or lost */
        fi
    od;
    atomic { /* Gate::add */
        if
#ifdef BREAK_ON_IGNORES_GATE
        :: true ->
#elif defined(BREAK_STALE_EPOCH)
        :: !gate.handover ->
#else
        :: !gate.handover && gate.epoch == cpu[me].epoch ->
#endif
            gate.count++
        :: else -> goto unclaim
        fi
    };
    atomic {
        if
        :: claimed_by_me(target) ->
            cpu[target].state = on_pending;
            assert(!start_given[target]);
            start_given[target] = true
        :: else -> goto back_to_guest /* lost meanwhile */
        fi
    };
    kick(target);
back_to_guest:
#if HAS_ORDERS
    if
    :: order.what != none -> target = 0; goto obey
    :: else
    fi;
#endif
straight_back:
    atomic {
        target = 0;
        enter_guest();
        goto guest
    };
unclaim:
    atomic {
        if
        :: claimed_by_me(target) -> cpu[target].state = idle_dead
        :: else /* lost meanwhile */
        fi;
        target = 0;
        goto join
    };

/* --- Lifecycle::cpu_off ------------------------------------------------------------------------ */
cpu_off:
    atomic { /* Gate::remove */
        if
        :: gate.handover || gate.epoch != cpu[me].epoch -> goto join
        :: else ->
            if
            :: gate.count == 1 -> goto back_to_guest /* denied: the last one */
            :: else -> gate.count--
            fi
        fi
    };
    if
    :: atomic { nevers > 0 -> nevers--; stuck[me] = true; goto end_stuck }
    :: true
    fi;
    atomic {
        if
        :: cpu[me].state == online -> cpu[me].state = teardown
        :: else -> goto end_parked_for_ever
        fi
    };
    become_idle_dead();
    goto park;

/* --- Lifecycle::exec: the boot CPU -------------------------------------------------------------- */
exec:
    atomic { /* Gate::close */
        if
#ifdef BREAK_STALE_EPOCH
        :: !gate.handover ->
#else
        :: !gate.handover && gate.epoch == cpu[me].epoch ->
#endif
            gate.handover = true;
            gate.epoch++;
            boot_cpus++;
            assert(boot_cpus == 1)
        :: else -> leaves = leaves + (then == leave); then = enter; seen = 0; goto join
        fi
    };
#if HAS_ORDERS
closed: /* no other CPU takes an order now */
    atomic {
        if
        :: seen ->
#ifndef BREAK_ORDER_TAKEN_FIRST
            assert(order.what != none);
            then = order.what;
            order.what = none;
#endif
            outstanding--;
            seen = 0
        :: else
        fi
    };
#endif

    /* Phase 1: drain */
    boot_cpu = me; /* no AP asks for it before it is commanded to drain */
#ifdef SERIAL
    for_each_cpu(target)
        if
        :: target != me && not_yet_out(cpu[target].state) ->
            cpu[target].commanded = command_drain(gate.epoch);
            kick(target);
            do
            :: not_yet_out(cpu[target].state) ->
                if
                :: take_kick(me)
                :: !not_yet_out(cpu[target].state) /* it polls too: a claim given back kicks nobody */
                :: deadline_passes -> lose_ap(target)
                fi
            :: else -> break
            od
        :: else
        fi;
    next_cpu(target);
#else
    last_command(me) = command_drain(gate.epoch);
    kick_all_others();
    do
    :: gate.count == 1 -> break
    :: else ->
        if
        :: take_kick(me)
        :: deadline_passes ->
            for_each_to_touch(target)
                if
                :: target != me -> lose_ap(target)
                :: else
                fi;
            next_cpu(target);
            break
        fi
    od;
#endif

    /* Phase 2: gather. Lost APs are fenced, then the memory is the next kernel's. */
#if FREEZES
    if
    :: atomic { freezes > 0 && vm(me) == 1 -> freezes--; stuck[me] = true; goto end_stuck }
    :: true
    fi;
#endif
    atomic {
        assert_guest_left();
        kernel = gate.epoch;
        no_kernel = then != enter
    };
#if LEAVES
    if
    :: then == leave -> /* until the other VM is off, and cannot be started any more */
        do
        :: atomic {
                is_off(1) ->
#ifndef BREAK_LEAVES_THE_GATE_OPEN
                gate_of[1].handover = true;
                gate_of[1].epoch++;
#endif
                break
            }
        :: else ->
#ifndef BREAK_ORDERS_STOP_ONCE
            give(1, stop);
#endif
            if /* it polls */
            :: is_off(1)
#ifndef BREAK_ORDERS_STOP_ONCE
            :: order_of[1].what == none
#endif
            :: deadline_passes -> left_behind = true; break
            fi
        od
    :: else
    fi;
#endif

    /* Phase 3: take down */
#ifdef SERIAL
    for_each_cpu(target)
        if
        :: target != me && cpu[target].state == teardown ->
            cpu[target].commanded = command_take_down(gate.epoch);
            kick(target);
            do
            :: cpu[target].state == teardown ->
                if
                :: take_kick(me)
                :: cpu[target].state != teardown /* by CPU_OFF, which kicks nobody */
                :: deadline_passes -> break
                fi
            :: else -> break
            od
        :: else
        fi;
    next_cpu(target);
#else
    last_command(me) = command_take_down(gate.epoch);
    kick_all_others();
#endif
    atomic { /* Gate::open */
        cpu[me].epoch = gate.epoch;
        gate.handover = false;
        gate.count = 1;
        boot_cpus--;
        assert_guest_left();
        if
        :: then == stop ->
#ifndef BREAK_STOP_COUNTS_ITS_LEADER
            gate.count = 0;
#endif
            cpu[me].state = idle_dead;
            then = enter;
#ifdef BREAK_STOP_PARKS_WITHOUT_A_LOOK
            goto end_park
#else
            goto park
#endif
#if LEAVES
        :: then == leave ->
            left = true;
            for_each_of(1, i)
                assert(!in_guest[i] || cpu[i].state == lost || left_behind);
            next_cpu(i);
            goto end_left
#endif
        :: else
        fi;
        cpu[me].state = online;
        assert(entered < kernel);
        entered = kernel;
#if HAS_ORDERS && !defined(BREAK_BOOT_CPU_IGNORES_ORDER)
        goto back_to_guest
#else
        enter_guest();
        goto guest
#endif
    };

/* --- Lifecycle::join: an AP --------------------------------------------------------------------- */
join:
    do
    :: last_command(me) >= command_drain(cpu[me].epoch + 1) -> break
    :: else ->
#if FREEZES
end_joined:
#endif
        take_kick(me)
    od;
#ifdef BREAK_LOSS_WITHOUT_CAS
    if
    :: cpu[me].state != lost ->
        cpu[me].state = teardown;
        start_given[me] = false
    :: else -> goto end_parked_for_ever
    fi;
#else
    atomic {
        if
        :: cpu[me].state != lost -> /* online or on_pending */
            cpu[me].state = teardown;
            start_given[me] = false
        :: else -> goto end_parked_for_ever
        fi
    };
#endif
    atomic { /* Gate::arrive */
        if
#ifdef BREAK_LATE_ARRIVAL_COUNTS
        :: true ->
#else
        :: gate.handover && gate.epoch == cpu[me].epoch + 1 ->
#endif
            gate.count--;
            assert(!named_lost[me]);
            if
#ifndef SERIAL
            :: gate.count > 1 -> goto arrived
#endif
#ifdef BREAK_LAST_KICKS_NOBODY
            :: gate.count == 1 -> goto arrived
#endif
            :: else
            fi
        :: else -> goto arrived /* the boot CPU has gone on without it */
        fi
    };
    kick(boot_cpu);
arrived:
    do
    :: last_command(me) >= command_take_down(cpu[me].epoch + 1) -> break
    :: else ->
#if FREEZES
end_arrived:
#endif
        take_kick(me)
    :: atomic { nevers > 0 -> nevers--; stuck[me] = true; goto end_stuck }
    od;
    become_idle_dead();
#ifdef SERIAL
    kick(boot_cpu);
#endif
    goto park;

end_parked_for_ever:
    false;

#if LEAVES
end_left:
    false;
#endif

end_stuck:
    false
}

/* Another VM's CPU that gives orders. */
proctype outside() {
    byte i;
end_outside:
    do
    :: orders > 0 && order_of[ordered_vm].what == none ->
        orders--;
        if
        :: true -> give(ordered_vm, enter)
#ifndef ONLY_ENTER
        :: true -> give(ordered_vm, stop)
#endif
        fi
    od
}

/* When nobody can go on, nothing is half done, the gate counts the CPUs that are online, and no order
 * waits; but where a CPU has stopped for good. */
proctype at_rest() {
    byte me;
    byte i;
    byte count;
    bool whole;
end_at_rest:
    timeout;
    assert(left || leaves == LEAVES);
    do
    :: me == ALL -> break
    :: me < ALL && left && (vm(me) == 0 || left_behind) -> me++
    :: else ->
        count = 0;
        whole = true;
        for_each_cpu(i)
            whole = whole && !stuck[i];
            count = count + (cpu[i].state == online && in_guest[i] -> 1 : 0);
        next_cpu(i);
        if
        :: FREEZES && vm(me) == 1 && !whole
        :: else ->
            assert(!gate.handover || left);
            assert((!between_states(cpu[me].state) || stuck[me]) && cpu[me].state != on_pending);
            assert(count == gate.count);
            assert((order.what == none && outstanding == 0) || !whole || left)
        fi;
        me++
    od
}

/* All CPUs but each VM's last one are online. */
init {
    byte me;
    byte i;
    atomic {
        do
        :: me == ALL -> break
        :: else ->
            order.what = none;
#ifdef OFF
            no_kernel_of[ordered_vm] = true;
#endif
            cpu[me].state = (me < end_of(vm(me)) - 1 && !no_kernel -> online : idle_dead);
            in_guest[me] = cpu[me].state == online;
            gate.count = gate.count + in_guest[me];
            run run_cpu(me);
            me++
        od;
#if ORDERS
        run outside();
#endif
        run at_rest()
    }
}
