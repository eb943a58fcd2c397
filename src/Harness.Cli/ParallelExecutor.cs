using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Harness.Running;

namespace Harness.Cli;

/// <summary>
/// Runs pieces of work on its own threads, and watches the clock: the one place where host time and the number of processors matter. A piece that
/// does not return cannot be stopped; its thread is left behind and dies with the process.
/// </summary>
/// <param name="degree">Threads, from 1.</param>
/// <param name="timeout">Host time that one limited piece may take.</param>
internal sealed class ParallelExecutor(int degree, TimeSpan timeout) : IExecutor
{
    // Scripts and the compiler recurse deeper than a default stack allows on some systems.
    private const int StackBytes = 16 << 20;

    // How long pieces may take to notice that the user gave up.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // Monitor.Wait takes at most Int32.MaxValue milliseconds; the loop around it waits again.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private Batch? _batch;

    /// <summary>Host microseconds of each piece of the last execution; 0 for those that did not end.</summary>
    public IReadOnlyList<long> Microseconds => _batch?.Microseconds ?? [];

    /// <summary>Writes what a piece of the last execution, or of the present one, has printed.</summary>
    /// <param name="writer">Takes it, line by line.</param>
    /// <param name="piece">From 0.</param>
    /// <param name="id">Stands before each line.</param>
    public void Show(TextWriter writer, int piece, string id) => _batch?.Printed(piece)?.Show(writer, id);

    /// <inheritdoc/>
    public ExecutionEnd Execute(int count, Action<int> work, bool isLimited, CancellationToken cancellation)
    {
        var batch = new Batch(count, work, isLimited ? timeout : TimeSpan.FromDays(1), cancellation);
        _batch = batch;
        return batch.Run(Math.Min(degree, count));
    }

    private sealed class Batch(int count, Action<int> work, TimeSpan timeout, CancellationToken cancellation)
    {
        private readonly object _gate = new();
        private readonly long[] _started = new long[count];
        private readonly long[] _elapsed = new long[count];
        private readonly PrintedText?[] _printed = new PrintedText?[count];
        private readonly List<int> _running = [];
        private int _next;
        private int _threads;
        private bool _stopped;
        private ExceptionDispatchInfo? _fault;

        public long[] Microseconds
        {
            get
            {
                lock (_gate)
                {
                    return Array.ConvertAll(_elapsed, ticks => ticks * 1_000_000 / Stopwatch.Frequency);
                }
            }
        }

        public PrintedText? Printed(int piece)
        {
            lock (_gate)
            {
                return _printed[piece];
            }
        }

        public ExecutionEnd Run(int threads)
        {
            _threads = threads;
            for (var i = 0; i < threads; i++)
            {
                new Thread(Work, StackBytes) { IsBackground = true }.Start();
            }

            using var waker = cancellation.Register(Wake);
            lock (_gate)
            {
                var end = Wait();
                _stopped = true;
                _fault?.Throw();
                return end;
            }
        }

        // Holds the gate.
        private ExecutionEnd Wait()
        {
            long? gaveUp = null;
            while (_threads > 0)
            {
                var now = Stopwatch.GetTimestamp();
                var patience = timeout;
                if (cancellation.IsCancellationRequested)
                {
                    gaveUp ??= now;
                    patience = Grace - Stopwatch.GetElapsedTime(gaveUp.Value, now);
                    if (patience <= TimeSpan.Zero)
                    {
                        break;
                    }
                }

                foreach (var piece in _running)
                {
                    var left = timeout - Stopwatch.GetElapsedTime(_started[piece], now);
                    if (left <= TimeSpan.Zero)
                    {
                        return new ExecutionEnd(false, piece, $"did not return within {timeout.TotalSeconds} s (--timeout)");
                    }

                    patience = left < patience ? left : patience;
                }

                Monitor.Wait(_gate, patience < LongestWait ? patience + TimeSpan.FromMilliseconds(1) : LongestWait);
            }

            return new ExecutionEnd(cancellation.IsCancellationRequested);
        }

        private void Work()
        {
            while (Take() is var (piece, printed))
            {
                try
                {
                    ScriptConsole.Keep(printed, () => work(piece));
                    End(piece, null);
                }
                catch (Exception e)
                {
                    // Any exception: it belongs to the caller, on whose thread it is thrown again.
                    End(piece, ExceptionDispatchInfo.Capture(e));
                }
            }

            lock (_gate)
            {
                _threads--;
                Monitor.PulseAll(_gate);
            }
        }

        private (int Piece, PrintedText Printed)? Take()
        {
            lock (_gate)
            {
                if (_stopped || _next == count || cancellation.IsCancellationRequested)
                {
                    return null;
                }

                _started[_next] = Stopwatch.GetTimestamp();
                _running.Add(_next);
                Monitor.PulseAll(_gate);
                var printed = _printed[_next] = new PrintedText();
                return (_next++, printed);
            }
        }

        private void End(int piece, ExceptionDispatchInfo? fault)
        {
            lock (_gate)
            {
                _elapsed[piece] = Stopwatch.GetTimestamp() - _started[piece];
                _running.Remove(piece);
                _stopped |= fault is not null;
                _fault ??= fault;
            }
        }

        private void Wake()
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }
}
