namespace VerifyTests;

/// <summary>A verification failed; the message has the layout that editors and tools parse.</summary>
public sealed class VerifyException(string message) : Exception(message);
