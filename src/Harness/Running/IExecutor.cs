namespace Harness.Running;

/// <summary>
/// Runs independent pieces of work. Only the composition root decides how many at a time and how long each may take; whoever submits work may
/// not be able to tell.
/// </summary>
public interface IExecutor
{
    /// <summary>Calls <paramref name="work"/> with each number from 0 up to <paramref name="count"/>, at most once each, until something ends it early.</summary>
    /// <param name="count">How many pieces.</param>
    /// <param name="work">May be called concurrently. Its exceptions pass through.</param>
    /// <param name="isLimited">The work is code of users, which may not return: it has limited time.</param>
    /// <param name="cancellation">Starts no further piece once set.</param>
    ExecutionEnd Execute(int count, Action<int> work, bool isLimited, CancellationToken cancellation);
}

/// <summary>How an execution ended.</summary>
/// <param name="Cancelled">The user gave up; some pieces may not have run.</param>
/// <param name="Overrun">The piece that did not return in time and may still be running, as may others; null without one.</param>
/// <param name="Complaint">Says how long the piece was waited for; null without one.</param>
public sealed record ExecutionEnd(bool Cancelled, int? Overrun = null, string? Complaint = null);

/// <summary>Runs one piece after the other, here and now, for as long as each takes.</summary>
public sealed class InlineExecutor : IExecutor
{
    /// <inheritdoc/>
    public ExecutionEnd Execute(int count, Action<int> work, bool isLimited, CancellationToken cancellation)
    {
        for (var i = 0; i < count; i++)
        {
            if (cancellation.IsCancellationRequested)
            {
                return new ExecutionEnd(true);
            }

            work(i);
        }

        return new ExecutionEnd(cancellation.IsCancellationRequested);
    }
}
