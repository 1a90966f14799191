using System.Net.Sockets;
using System.Text;

namespace YueService.Hosting;

/// <summary>The socket on which systemd is told how a service is (sd_notify).</summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly UnixDomainSocketEndPoint _address;

    /// <param name="path">A path, or '@' and a name in the abstract namespace.</param>
    public NotifySocket(string path) => _address = new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path);

    /// <summary>Tells assignments, one a line; where systemd is gone nobody is told.</summary>
    public void Send(string assignments)
    {
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(assignments), _address);
        }
        catch (SocketException)
        {
            // A service does not end because nobody listens.
        }
    }

    public void Dispose() => _socket.Dispose();
}
