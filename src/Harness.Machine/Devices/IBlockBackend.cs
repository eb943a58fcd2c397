namespace Harness.Machine.Devices;

/// <summary>A request of whole sectors inside the disk.</summary>
/// <param name="IsWrite">From <paramref name="Data"/> to the disk; else the other way.</param>
/// <param name="First">The first sector.</param>
/// <param name="Data">As long as the sectors.</param>
public readonly record struct BlockRequest(bool IsWrite, uint First, Memory<byte> Data);

/// <summary>Whoever carries out what a block device is asked for: a disk, or a machine with a driver for one.</summary>
public interface IBlockBackend
{
    /// <summary>Carries out requests in their order, and says of each how it ended.</summary>
    void CarryOut(ReadOnlySpan<BlockRequest> requests, Span<BlockRingStatus> results);
}

/// <summary>The disk itself.</summary>
internal sealed class DiskBackend(DiskImage disk) : IBlockBackend
{
    public void CarryOut(ReadOnlySpan<BlockRequest> requests, Span<BlockRingStatus> results)
    {
        for (int i = 0; i < requests.Length; i++)
        {
            BlockRequest request = requests[i];
            if (request.IsWrite)
            {
                disk.Write(request.First, request.Data.Span);
            }
            else
            {
                disk.Read(request.First, request.Data.Span);
            }

            results[i] = BlockRingStatus.Done;
        }
    }
}
