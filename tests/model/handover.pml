// SPDX-License-Identifier: BSD-2-Clause
/*
 * The handover protocol of hyp/lifecycle, in the engine's names: one gate word for the VM, one state
 * word and one latched kick for each CPU. `tests/model/run` checks it. Try a change here first.
 *
 * What has to hold, whatever the CPUs do and however their steps interleave:
 *   - when phase 1 is over, no CPU is in the guest but the boot CPU and lost ones;
 *   - a CPU enters only the kernel whose memory is mapped, once for each CPU_ON that succeeded;
 *   - one boot CPU at a time, one entry for each handover;
 *   - a lost CPU is never counted as arrived, started, or idle_dead again;
 *   - nobody is given up but for a kernel that is gone;
 *   - nothing waits for ever, and in the end the gate counts exactly the CPUs that are online.
 *
 * What is one atomic instruction in the engine is one atomic { } here, so this memory is sequentially
 * consistent. Weaker memory is reasoned at each atomic of the engine and tested by ThreadSanitizer.
 * An AP's patience with its boot CPU is left out: it ends the machine.
 *
 *   -DSERIAL     the serial walk: APs are told one after another
 *   -DDEADLINES  any deadline may pass at any time. Without it no wait is saved by its deadline, so
 *                that a kick which nobody sends is a deadlock
 *   -DNEVER=n    n CPUs may stop answering, wherever in the guest they are, or on their way down
 *   -DCPUS=n -DEXECS=n -DONS=n -DOFFS=n -DSETTLES=n
 *                how many CPUs, and calls by their guests in one run
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
#ifndef SETTLES
#define SETTLES 0
#endif
#ifndef NEVER
#define NEVER 0
#endif
#ifdef DEADLINES
#define deadline_passes true
#else
#define deadline_passes false
#endif

mtype = { idle_dead, claimed, on_pending, online, teardown, lost };

typedef Cpu {
    mtype state;
    byte epoch;  /* of the kernel that it is in, or was started for */
    byte told;   /* serial walk: the last order to this AP */
    bool kicked; /* latched until wait() takes it, like an SGI */
}
Cpu cpu[CPUS];

/* The gate: `count` is how many CPUs are in the guest or on their way into it. */
typedef Gate {
    bool handover;
    byte epoch;
    byte count;
}
Gate gate;

byte told_all; /* parallel walk: the last order to all APs */
byte boot_cpu;

/* An order is a number that only grows: an AP obeys all up to it. */
#define order_drain(e) (2 * (e))
#define order_take_down(e) (2 * (e) + 1)
#ifdef SERIAL
#define told(ap) cpu[ap].told
#else
#define told(ap) told_all
#endif

/* Ghosts say what the protocol is for. No statement of the protocol reads them. */
bool in_guest[CPUS];
bool start_given[CPUS]; /* a CPU_ON succeeded, and the CPU has not started yet */
bool given_up[CPUS];    /* named as lost: by a boot CPU, which has fenced it, or by `settle` */
bool stuck[CPUS];       /* stopped answering */
byte kernel;            /* epoch of the kernel whose memory is mapped */
byte entered;           /* the last epoch whose kernel was entered by a boot CPU */
byte boot_cpus;         /* between exec and entry */

byte execs = EXECS;
byte ons = ONS;
byte offs = OFFS;
byte settles = SETTLES;
byte nevers = NEVER;

#define not_yet_out(s) (s == claimed || s == on_pending || s == online)
#define between_states(s) (s == claimed || s == teardown)
#ifdef BREAK_SETTLE_MISSES_CPU_OFF
#define leaves_kernel_before(who, e) (cpu[who].state == teardown && cpu[who].epoch < e)
#else
#define leaves_kernel_before(who, e) \
    ((cpu[who].state == teardown || cpu[who].state == online) && cpu[who].epoch < e)
#endif
#define still_busy(who) (between_states(cpu[who].state) || leaves_kernel_before(who, cpu[me].epoch))
/* What `settle` is for: whoever is neither given up nor idle_dead still has the root of its kernel. */
#define holds_kernel_before(who, e) \
    (cpu[who].state != idle_dead && cpu[who].state != claimed && cpu[who].epoch < e)
#define take_kick(who) atomic { cpu[who].kicked -> cpu[who].kicked = false }
#define kick(who) cpu[who].kicked = true

#define for_each_cpu(i) i = 0; do :: i == CPUS -> i = 0; break :: i < CPUS ->
#define next_cpu(i) i++ od

inline kick_all_others() {
    d_step {
        for_each_cpu(i)
            cpu[i].kicked = cpu[i].kicked || i != me;
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
        assert(cpu[me].epoch == kernel || cpu[me].state == lost);
        in_guest[me] = true
    }
}

/* The AP's step to teardown and the boot CPU's to lost exclude each other: each is one CAS. */
inline mark_lost(ap) {
#ifdef BREAK_LOSS_WITHOUT_CAS
    if
    :: not_yet_out(cpu[ap].state) ->
        cpu[ap].state = lost;
        given_up[ap] = true
    :: else
    fi
#else
    atomic {
        if
        :: not_yet_out(cpu[ap].state) ->
            cpu[ap].state = lost;
            given_up[ap] = true
        :: else
        fi
    }
#endif
}

/* By a CPU that needs what an earlier kernel ran on. The engine has state and epoch in one word. */
inline give_up(who) {
    atomic {
        if
#ifdef BREAK_SETTLE_TAKES_ANY
        :: cpu[who].state == teardown ->
#else
        :: leaves_kernel_before(who, cpu[me].epoch) ->
#endif
            assert(cpu[who].epoch < kernel);
            cpu[who].state = lost;
            given_up[who] = true
        :: else
        fi
    }
}

/* The step to idle_dead and that to lost exclude each other likewise. */
inline become_idle_dead() {
#ifdef BREAK_IDLE_DEAD_WITHOUT_CAS
    if
    :: cpu[me].state == teardown ->
        atomic { cpu[me].state = idle_dead; assert(!given_up[me]) }
    :: else -> goto end_parked_for_ever
    fi
#else
    atomic {
        if
        :: cpu[me].state == teardown -> cpu[me].state = idle_dead; assert(!given_up[me])
        :: else -> goto end_parked_for_ever
        fi
    }
#endif
}

proctype run_cpu(byte me) {
    byte i;
    byte target;

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
            assert(start_given[me] && !given_up[me]);
            start_given[me] = false;
            enter_guest()
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
            :: gate.epoch == cpu[me].epoch -> goto guest /* a stale kick is dropped */
            :: else -> in_guest[me] = false; goto join
            fi
        }
    :: atomic { execs > 0 -> execs--; in_guest[me] = false; goto exec }
    :: atomic { offs > 0 -> offs--; in_guest[me] = false; goto cpu_off }
    :: atomic { ons > 0 -> ons--; select(target : 0 .. CPUS - 1); in_guest[me] = false };
        goto cpu_on
    :: atomic { settles > 0 -> settles--; in_guest[me] = false; goto settle }
    :: atomic { nevers > 0 -> nevers--; stuck[me] = true; goto end_stuck }
    fi;

/* --- Lifecycle::settle, by one at a time -------------------------------------------------------- */
settle:
    if
    :: gate.epoch != cpu[me].epoch -> target = 0; goto join
    :: else
    fi;
    for_each_cpu(target)
        if
        :: leaves_kernel_before(target, cpu[me].epoch) -> goto unsettled
        :: else
        fi;
    next_cpu(target);
    goto settled;
unsettled:
    if /* it polls */
    :: take_kick(me); goto settle
    :: !leaves_kernel_before(target, cpu[me].epoch) -> goto settle
    :: deadline_passes
    fi;
    for_each_cpu(target)
        give_up(target);
    next_cpu(target);
settled:
    skip;
    d_step {
        for_each_cpu(i)
            assert(!holds_kernel_before(i, cpu[me].epoch) || given_up[i]);
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
        :: cpu[target].state == idle_dead -> cpu[target].state = claimed; break
#else
        :: atomic { cpu[target].state == idle_dead -> cpu[target].state = claimed }; break
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
        :: cpu[target].state == claimed ->
            cpu[target].epoch = cpu[me].epoch;
            cpu[target].state = on_pending;
            assert(!start_given[target]);
            start_given[target] = true
        :: else -> goto back_to_guest /* lost meanwhile */
        fi
    };
    kick(target);
back_to_guest:
    atomic {
        target = 0;
        enter_guest();
        goto guest
    };
unclaim:
    atomic {
        if
        :: cpu[target].state == claimed -> cpu[target].state = idle_dead
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
        :: else -> goto join
        fi
    };

    /* Phase 1: drain */
    boot_cpu = me; /* no AP asks for it before it is told to drain */
#ifdef SERIAL
    for_each_cpu(target)
        if
        :: target != me && not_yet_out(cpu[target].state) ->
            cpu[target].told = order_drain(gate.epoch);
            kick(target);
            do
            :: not_yet_out(cpu[target].state) ->
                if
                :: take_kick(me)
                :: !not_yet_out(cpu[target].state) /* it polls too: a claim given back kicks nobody */
                :: deadline_passes -> mark_lost(target)
                fi
            :: else -> break
            od
        :: else
        fi;
    next_cpu(target);
#else
    told_all = order_drain(gate.epoch);
    kick_all_others();
    do
    :: gate.count == 1 -> break
    :: else ->
        if
        :: take_kick(me)
        :: deadline_passes ->
            for_each_cpu(target)
                if
                :: target != me -> mark_lost(target)
                :: else
                fi;
            next_cpu(target);
            break
        fi
    od;
#endif

    /* Phase 2: gather. Lost APs are fenced, then the memory is the next kernel's. */
    atomic {
        assert_guest_left();
        kernel = gate.epoch
    };

    /* Phase 3: take down */
#ifdef SERIAL
    for_each_cpu(target)
        if
        :: target != me && cpu[target].state == teardown ->
            cpu[target].told = order_take_down(gate.epoch);
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
    told_all = order_take_down(gate.epoch);
    kick_all_others();
#endif
    atomic { /* Gate::open */
        cpu[me].epoch = gate.epoch;
        gate.handover = false;
        gate.count = 1;
        boot_cpus--;
        assert(entered < kernel);
        entered = kernel;
        assert_guest_left();
        enter_guest();
        goto guest
    };

/* --- Lifecycle::join: an AP --------------------------------------------------------------------- */
join:
    do
    :: told(me) >= order_drain(cpu[me].epoch + 1) -> break
    :: else -> take_kick(me)
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
            assert(!given_up[me]);
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
    :: told(me) >= order_take_down(cpu[me].epoch + 1) -> break
    :: else -> take_kick(me)
    :: atomic { nevers > 0 -> nevers--; stuck[me] = true; goto end_stuck }
    od;
    become_idle_dead();
#ifdef SERIAL
    kick(boot_cpu);
#endif
    goto park;

end_parked_for_ever:
    false;

end_stuck:
    false
}

/* When nobody can go on, nothing is half done, and the gate counts the CPUs that are online. */
proctype at_rest() {
    byte i;
    byte count;
end_at_rest:
    timeout;
    assert(!gate.handover);
    for_each_cpu(i)
        assert((!between_states(cpu[i].state) || stuck[i]) && cpu[i].state != on_pending);
        count = count + (cpu[i].state == online && in_guest[i] -> 1 : 0);
    next_cpu(i);
    assert(count == gate.count)
}

/* All CPUs but the last one are online. */
init {
    byte i;
    atomic {
        gate.count = CPUS - 1;
        for_each_cpu(i)
            cpu[i].state = (i < CPUS - 1 -> online : idle_dead);
            in_guest[i] = i < CPUS - 1;
            run run_cpu(i);
        next_cpu(i);
        run at_rest()
    }
}
